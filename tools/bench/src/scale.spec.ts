import { planOf } from './scale.ts';

const collection = (name: string, bytes: number) => ({
  name,
  documents: 10,
  bytes,
  storedBytes: bytes,
  indexes: { _id_: 1_024, other: 1_024 },
});
// A patient: 1 KiB on disk and 2 KiB of indexes in all.
const sizes = {
  patients: 10,
  collections: [{ ...collection('patients', 10_240), indexes: { _id_: 10_240, other: 10_240 } }],
  oplogBytes: { 'new summary': 1_024, 'changed patient': 0, 'new patient': 0 },
};

test('the plan follows from what was measured', () => {
  const plan = planOf(sizes, undefined, undefined);
  expect(plan).toMatch(/data on disk, each member +\| 1\.0 GiB +\| 95 GiB/); // a million KiB
  expect(plan).toMatch(/indexes, each member +\| 1\.9 GiB/);
  expect(plan).toMatch(/oplog of 3 days, each member +\| 5\.7 GiB/); // two summaries a day
  expect(plan).toContain('Kafka and Connect are missing');
});

test('audit entries grow with writes and are no part of a patient', () => {
  const audited = { ...sizes, collections: [...sizes.collections, collection('audit_entries', 10_240)] };
  expect(planOf(audited, undefined, undefined)).toMatch(/data on disk, each member +\| 1\.0 GiB/);
  expect(planOf(audited, undefined, undefined)).not.toMatch(/audit entries of a year, each member +\| 0\.0 GiB/);
});
