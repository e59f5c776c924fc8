import { type Comparable, conflictsBetween } from './patient-conflicts.ts';

const patient = (userId: string, fullName: string, birthDate: string, mrn?: string) =>
  ({ userId, fullName, birthDate, ...(mrn !== undefined && { mrn }) }) as Comparable; // ids are only compared

const ann = patient('a', 'Ann Arbor', '1990-01-01', 'M-1');
const kindOf = (other: Comparable) => conflictsBetween([ann])(other).map(({ kind }) => kind);

test.each([
  ['the same user, whatever they are called', patient('a', 'Other', '2000-01-01'), ['DUPLICATE_ACCOUNT']],
  ['name and birth date', patient('b', 'ann arbor ', '1990-01-01'), ['LIKELY_DUPLICATE']],
  ['name and MRN', patient('b', 'Ann Arbor', '2000-01-01', 'm-1'), ['LIKELY_DUPLICATE']],
  ['birth date and MRN', patient('b', 'Other', '1990-01-01', 'M-1'), ['LIKELY_DUPLICATE']],
  ['all three', patient('b', 'Ann Arbor', '1990-01-01', 'M-1'), ['LIKELY_DUPLICATE']],
  ['the MRN only', patient('b', 'Other', '2000-01-01', ' M-1 '), ['MRN_ONLY']],
  ['the name only', patient('b', 'ANN ARBOR', '2000-01-01', 'M-2'), ['NAME_ONLY']],
  ['the birth date only', patient('b', 'Other', '1990-01-01'), []],
  ['nothing', patient('b', 'Other', '2000-01-01'), []],
])('%s', (_name, other, kinds) => {
  expect(kindOf(other)).toEqual(kinds);
});

test('absent and empty MRNs are no agreement', () => {
  const without = patient('x', 'Xavier', '1980-01-01');
  const empty = patient('y', 'Yves', '1970-01-01', '');
  expect(conflictsBetween([without, empty])(patient('z', 'Zoe', '1960-01-01', ''))).toEqual([]);
});

test('every conflict is told, with whom', () => {
  const others = [ann, patient('c', 'Cat', '1990-01-01', 'M-9'), patient('d', 'Dan', '1980-01-01', 'M-9')];
  expect(conflictsBetween(others)(patient('a', 'Dan', '1990-01-01', 'M-9'))).toEqual([
    { kind: 'DUPLICATE_ACCOUNT', patientId: 'a' },
    { kind: 'LIKELY_DUPLICATE', patientId: 'd' },
    { kind: 'LIKELY_DUPLICATE', patientId: 'c' },
  ]);
});

test('thousands of one name and birth date are compared in no time worth speaking of', () => {
  const twins = Array.from({ length: 10_000 }, (_, i) => patient(`t${i}`, 'Pat', '1990-01-01'));
  const conflictsOf = conflictsBetween(twins);
  expect(twins.flatMap((twin) => conflictsOf({ ...twin, userId: `x${twin.userId}` as never })).length).toBe(1_000_000);
});
