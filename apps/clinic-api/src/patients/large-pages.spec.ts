import { TooManyRequests } from '@caregate/service';
import { type Documents, LargePages } from './large-pages.ts';

/** A cursor whose batches come when the test lets them. */
class Batches implements Documents {
  isClosed = false;
  private readonly batches: Buffer[][];
  private letGo: (() => void) | undefined;

  constructor(
    sizes: readonly number[],
    private readonly stopsBefore = Number.POSITIVE_INFINITY,
  ) {
    this.batches = sizes.map((size) => [Buffer.alloc(size)]);
  }

  async hasNext(): Promise<boolean> {
    if (this.batches.length === this.stopsBefore) await new Promise<void>((resolve) => (this.letGo = resolve));
    return this.batches.length > 0;
  }

  readBufferedDocuments(): unknown[] {
    return this.batches.shift() ?? [];
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }

  get isAtStop(): boolean {
    return this.letGo !== undefined;
  }

  goOn(): void {
    this.letGo?.();
  }
}

const MIB = 1_048_576;
const settled = () => new Promise((resolve) => setImmediate(resolve));
/** Too large, and held up before its last batch. */
const large = () => new Batches([MIB + 1, MIB, MIB], 1);
const of = (tenant: string) => async () => tenant;

test('small pages are read whatever else is', async () => {
  const pages = new LargePages();
  const held = [large(), large()];
  const reading = held.map((each, n) => pages.read(each, of(`tenant ${n}`)));
  await settled();
  expect(held.map(({ isAtStop }) => isAtStop)).toEqual([true, true]);
  for (let n = 0; n < 50; n++) {
    const small = new Batches([MIB]);
    expect(await pages.read(small, of('tenant 0'))).toHaveLength(1);
    expect(small.isClosed).toBe(true);
  }
  for (const each of held) each.goOn();
  expect((await Promise.all(reading)).map(({ length }) => length)).toEqual([3, 3]);
});

test('of one tenant one large page is read at a time, three wait, and more are refused; another tenant is not kept waiting', async () => {
  const pages = new LargePages();
  const mine = Array.from({ length: 6 }, large);
  const outcomes = Promise.allSettled(mine.map((each) => pages.read(each, of('greedy'))));
  await settled();
  expect(mine.map(({ isAtStop }) => isAtStop)).toEqual([true, false, false, false, false, false]);
  expect(mine.map(({ isClosed }) => isClosed)).toEqual([false, false, false, false, true, true]);
  const others = large();
  const reading = pages.read(others, of('another'));
  await settled();
  expect(others.isAtStop).toBe(true);
  others.goOn();
  expect(await reading).toHaveLength(3);
  for (const each of mine.slice(0, 4)) {
    await settled();
    each.goOn();
  }
  const refused = (await outcomes).filter(({ status }) => status === 'rejected');
  expect(refused.map((each) => 'reason' in each && each.reason)).toEqual([
    expect.any(TooManyRequests),
    expect.any(TooManyRequests),
  ]);
});

test('a page that cannot be read makes place for the next', async () => {
  const pages = new LargePages();
  for (let n = 0; n < 10; n++) {
    const broken = new Batches([MIB + 1, MIB]);
    const failing = Object.assign(broken, {
      readBufferedDocuments: () => {
        if (failing.read++ > 0) throw new Error('no longer wanted');
        return [Buffer.alloc(MIB + 1)];
      },
      read: 0,
    });
    await expect(pages.read(failing, of('one'))).rejects.toThrow('no longer wanted');
    expect(broken.isClosed).toBe(true);
  }
});
