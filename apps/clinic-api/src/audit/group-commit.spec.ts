import { GroupCommit } from './group-commit.ts';

/** Groups that were begun; each ends when the test says so. */
function recorded() {
  const groups: { items: readonly number[]; end: (error?: Error) => void }[] = [];
  const commit = (items: readonly number[]) =>
    new Promise<void>((resolve, reject) => groups.push({ items, end: (error) => (error ? reject(error) : resolve()) }));
  return { groups, commit };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

test('the first goes at once, those that come meanwhile go together, in order', async () => {
  const { groups, commit } = recorded();
  const written = new GroupCommit(commit);
  const adding = [1, 2].map((item) => written.add(item));
  await turn();
  adding.push(...[3, 4, 5].map((item) => written.add(item)));
  await turn();
  expect(groups.map(({ items }) => items)).toEqual([[1, 2]]);
  groups[0]?.end();
  await turn();
  expect(groups.map(({ items }) => items)).toEqual([
    [1, 2],
    [3, 4, 5],
  ]);
  groups[1]?.end();
  await Promise.all(adding);
  await written.idle();
});

test('a group that fails fails those in it, and no others', async () => {
  const { groups, commit } = recorded();
  const written = new GroupCommit(commit);
  const first = expect(written.add(1)).rejects.toThrow('away');
  await turn();
  const second = written.add(2);
  groups[0]?.end(new Error('away'));
  await first;
  await turn();
  groups[1]?.end();
  await second;
});

test('a group is no larger than it may be', async () => {
  const sizes: number[] = [];
  const written = new GroupCommit<number>(async (items) => void sizes.push(items.length), { mostAtOnce: 2 });
  await Promise.all([1, 2, 3, 4, 5].map((item) => written.add(item)));
  expect(sizes).toEqual([2, 2, 1]);
});

test('items may gather before they are written, and go at once when all is to be written', async () => {
  const { groups, commit } = recorded();
  const written = new GroupCommit(commit, { gatherMs: 3_600_000 });
  const adding = [written.add(1)];
  await turn();
  adding.push(written.add(2));
  await turn();
  expect(groups).toEqual([]);
  const idle = written.idle();
  await turn();
  expect(groups.map(({ items }) => items)).toEqual([[1, 2]]);
  groups[0]?.end();
  await Promise.all([...adding, idle]);
});
