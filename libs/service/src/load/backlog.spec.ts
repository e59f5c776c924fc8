import { Backlog, type DropReason, type Wait } from './backlog.ts';

class Slow implements Wait {
  dropped?: DropReason;

  constructor(
    readonly network: string | undefined,
    public bytes = 0,
    private readonly until = Infinity,
  ) {}

  isSlow(now: number): boolean {
    return now > this.until;
  }

  drop(why: DropReason): void {
    this.dropped = why;
  }
}

const LIMITS = { count: 4, countOfNetwork: 2, bytes: 100, bytesOfNetwork: 60 };
const dropped = (waits: readonly Slow[]) => waits.map(({ dropped }) => dropped);
function backlogOf(...waits: Slow[]): Backlog {
  const backlog = new Backlog(LIMITS);
  for (const wait of waits) backlog.add(wait);
  return backlog;
}

test.each([
  ['of one network', ['a', 'b', 'a', 'a'], [0, 0, 0, 0], ['too_many', undefined, undefined, undefined]],
  ['in all', ['a', 'b', 'c', 'd', 'e'], [0, 0, 0, 0, 0], ['too_many', undefined, undefined, undefined, undefined]],
  ['in bytes of one network', ['a', 'b', 'a'], [30, 0, 31], ['too_many', undefined, undefined]],
  ['in bytes in all', ['a', 'b', 'c'], [40, 40, 40], ['too_many', undefined, undefined]],
  ['but not one that is alone, however large', ['a'], [1_000], [undefined]],
  [
    'nor by network where it is not known yet',
    [undefined, undefined, undefined],
    [20, 20, 20],
    [undefined, undefined, undefined],
  ],
] as const)('the oldest is dropped when there are too many %s', (_what, networks, bytes, expected) => {
  const waits = networks.map((network, i) => new Slow(network, bytes[i]));
  const backlog = backlogOf(...waits);
  expect(dropped(waits)).toEqual(expected);
  expect(backlog.size).toBe(expected.filter((each) => each === undefined).length);
});

test('one that grows is counted with what it has, until it is done', () => {
  const [first, second] = [new Slow('a'), new Slow('b')];
  const backlog = backlogOf(first, second);
  backlog.grow(first, 50);
  backlog.grow(second, 50);
  expect([backlog.bytes, dropped([first, second])]).toEqual([100, [undefined, undefined]]);
  backlog.remove(first);
  backlog.remove(first);
  backlog.grow(first, 50);
  expect([backlog.bytes, backlog.size]).toEqual([50, 1]);
  backlog.add(new Slow('c', 51));
  expect(dropped([second])).toEqual(['too_many']);
});

test('those that take too long are dropped, and told why', () => {
  const told: DropReason[] = [];
  const backlog = new Backlog(LIMITS, (why) => told.push(why));
  const [slow, fast] = [new Slow('a', 0, 10), new Slow('a', 0, 20)];
  for (const wait of [slow, fast]) backlog.add(wait);
  backlog.dropSlow(11);
  expect([dropped([slow, fast]), told]).toEqual([['slow', undefined], ['slow']]);
});
