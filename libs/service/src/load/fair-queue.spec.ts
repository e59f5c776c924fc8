import { FairQueue } from './fair-queue.ts';

const item = (name: string) => ({ name, network: name.slice(0, 1) });
function queueOf(most: number, ...names: string[]) {
  const queue = new FairQueue<ReturnType<typeof item>>(most);
  const refused = names.map((name) => queue.push(item(name))?.name);
  return { queue, refused };
}
const rest = ({ queue }: ReturnType<typeof queueOf>) =>
  Array.from({ length: queue.size }, () => queue.shift()?.name).join(' ');

test('networks take turns, and each keeps its order', () => {
  expect(rest(queueOf(10, 'a1', 'a2', 'a3', 'b1', 'b2', 'c1'))).toBe('a1 b1 c1 a2 b2 a3');
});

test('when it is full, the newest of the longest line makes place for one of a shorter line', () => {
  const full = queueOf(3, 'a1', 'a2', 'a3', 'b1', 'c1', 'd1', 'a4');
  expect(full.refused).toEqual([undefined, undefined, undefined, 'a3', 'a2', 'd1', 'a4']);
  expect(rest(full)).toBe('a1 b1 c1');
});

test('those that have waited too long can be taken out', () => {
  const waiting = queueOf(10, 'a1', 'a2', 'b1', 'c1', 'c2');
  expect(waiting.queue.take(({ name }) => name === 'a2' || name === 'b1').map(({ name }) => name)).toEqual([
    'a2',
    'b1',
  ]);
  expect(rest(waiting)).toBe('a1 c1 c2');
  expect(waiting.queue.shift()).toBeUndefined();
});
