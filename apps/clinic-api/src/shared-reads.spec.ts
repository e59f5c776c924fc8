import { SharedReads } from './shared-reads.ts';

function lookUps() {
  const pending: { resolve: (value: number) => void; reject: (error: Error) => void }[] = [];
  const lookUp = () => new Promise<number>((resolve, reject) => pending.push({ resolve, reject }));
  return { pending, lookUp };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

test('those who come while a look-up runs share the next one, which begins after they came', async () => {
  const { pending, lookUp } = lookUps();
  const reads = new SharedReads<number>();
  const first = reads.read('a', lookUp);
  const later = [1, 2, 3].map(() => reads.read('a', lookUp));
  expect(pending).toHaveLength(1);
  pending[0]?.resolve(1);
  expect(await first).toBe(1);
  await turn();
  expect(pending).toHaveLength(2);
  const last = reads.read('a', lookUp); // the second has begun already, so this one is not served by it
  pending[1]?.resolve(2);
  expect(await Promise.all(later)).toEqual([2, 2, 2]);
  await turn();
  pending[2]?.resolve(3);
  expect(await last).toBe(3);
  await turn();
  void reads.read('a', lookUp);
  expect(pending).toHaveLength(4); // nothing is remembered
});

test('a failed look-up is told to whom it was for, and the next ones go on', async () => {
  const { pending, lookUp } = lookUps();
  const reads = new SharedReads<number>();
  const first = reads.read('a', lookUp);
  const second = reads.read('a', lookUp);
  pending[0]?.reject(new Error('away'));
  await expect(first).rejects.toThrow('away');
  await turn();
  pending[1]?.resolve(2);
  expect(await second).toBe(2);
});

test('different things are looked up side by side', () => {
  const { pending, lookUp } = lookUps();
  const reads = new SharedReads<number>();
  void reads.read('a', lookUp);
  void reads.read('b', lookUp);
  expect(pending).toHaveLength(2);
});
