import { exponentOf } from './growth-report.ts';

const sizes = [1_000, 10_000, 100_000];

test.each([
  ['does not grow', () => 5, 0],
  ['grows as the size', (size: number) => size / 7, 1],
  ['grows as the root of the size', (size: number) => Math.sqrt(size), 0.5],
])('what %s', (_, timeOf, exponent) => {
  expect(exponentOf(sizes.map((size) => [size, timeOf(size)] as const))).toBeCloseTo(exponent, 9);
});
