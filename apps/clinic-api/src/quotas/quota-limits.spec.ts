import { isFull, isNear } from './quota-limits.ts';

test.each([
  [0, 1_000_000, false, false],
  [10, 7, false, false],
  [10, 8, false, true],
  [10, 9, false, true],
  [10, 10, true, true],
  [10, 11, true, true],
])('with a limit of %i and %i used it is full: %s, near its end: %s', (limit, used, full, near) => {
  expect([isFull(limit, used), isNear(limit, used)]).toEqual([full, near]);
});
