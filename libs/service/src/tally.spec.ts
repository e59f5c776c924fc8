import { Tally } from './tally.ts';

test('each name is counted by itself, and no lower than nothing', () => {
  const tally = new Tally();
  for (const name of ['a', 'a', 'b']) tally.add(name);
  tally.remove('a');
  for (let times = 0; times < 2; times++) tally.remove('b');
  expect(['a', 'b', 'c'].map((name) => tally.of(name))).toEqual([1, 0, 0]);
});
