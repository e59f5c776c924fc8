import { canaryIds } from './canary-ids.ts';

test.each([1, 3, 6, 50])('each of %i partitions has a canary of its own, always the same one', (partitions) => {
  const ids = canaryIds('au1.patient-permissions', partitions);
  expect(new Set(ids).size).toBe(partitions);
  expect(canaryIds('au1.patient-permissions', partitions)).toEqual(ids);
});
