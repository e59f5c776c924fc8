import { PatientIndex } from './patient-index.ts';

const hex = (n: number) => (n * 7_919).toString(16).padStart(24, 'f0');
const entry = (id: string): [Buffer, number] => [Buffer.from(`..${id}.`), 2];

test('tells the place of each patient, in the order in which they were added, and of nobody else', () => {
  const index = new PatientIndex(1);
  const ids = Array.from({ length: 5_000 }, (_, n) => hex(n));
  for (const id of ids) index.add(...entry(id));
  expect(index.size).toBe(ids.length);
  expect(ids.map((id) => index.placeOf(...entry(id)))).toEqual(ids.map((_, place) => place));
  expect(ids.map((_, place) => index.idAt(place))).toEqual(ids);
  expect(index.placeOf(...entry(hex(5_000)))).toBe(-1);
});

test('finds patients in another order too', () => {
  const index = new PatientIndex();
  for (const n of [4, 2, 9]) index.add(...entry(hex(n)));
  expect([9, 4, 3, 2, 9].map((n) => index.placeOf(...entry(hex(n))))).toEqual([2, 0, -1, 1, 2]);
});

test('compares ids as numbers are compared', () => {
  const index = new PatientIndex();
  for (const id of ['00000000ffffffff00000000', '00000001000000000000000f', 'ffffffff0000000000000000'])
    index.add(...entry(id));
  expect(index.compare(0, 1)).toBeLessThan(0);
  expect(index.compare(2, 1)).toBeGreaterThan(0);
  expect(index.compare(1, 1)).toBe(0);
});
