import { PatientIndex } from './patient-index.ts';

const hex = (n: number) => (n * 7_919).toString(16).padStart(24, 'f0');
const entry = (id: string): [Buffer, number] => [Buffer.from(`..${id}.`), 2];

test('gives each patient a place, in the order in which they come', () => {
  const index = new PatientIndex();
  const ids = Array.from({ length: 5_000 }, (_, n) => hex(n));
  expect(ids.map((id) => index.placeFor(...entry(id)))).toEqual(ids.map((_, place) => place));
  expect(index.size).toBe(ids.length);
  expect(ids.map((_, place) => index.idAt(place))).toEqual(ids);
});

test('knows patients again, in whatever order they come', () => {
  const index = new PatientIndex();
  const places = (...numbers: number[]) => numbers.map((n) => index.placeFor(...entry(hex(n))));
  expect(places(4, 2, 9)).toEqual([0, 1, 2]);
  expect(places(9, 4, 3, 2, 9)).toEqual([2, 0, 3, 1, 2]);
  expect(index.size).toBe(4);
});

test('compares ids as numbers are compared', () => {
  const index = new PatientIndex();
  for (const id of ['00000000ffffffff00000000', '00000001000000000000000f', 'ffffffff0000000000000000'])
    index.placeFor(...entry(id));
  expect(index.compare(0, 1)).toBeLessThan(0);
  expect(index.compare(2, 1)).toBeGreaterThan(0);
  expect(index.compare(1, 1)).toBe(0);
});
