import { javaMajor } from './java.ts';

test.each([
  ['openjdk version "17.0.15" 2025-04-15', 17],
  ['openjdk version "21" 2023-09-19', 21],
  ['java version "1.8.0_412"', 8],
  ['nonsense', 0],
])('%s is Java %i', (description, major) => {
  expect(javaMajor(description)).toBe(major);
});
