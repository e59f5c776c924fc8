import { pairsTable } from './pairs-report.ts';

test('the ratio is that of single pairs, so that a machine that slows down says nothing of a build', () => {
  const pairs = [
    { scenario: 'get_clinic', here: 90, other: 100 },
    { scenario: 'get_clinic', here: 19, other: 20 },
    { scenario: 'get_clinic', here: 9, other: 9 },
    { scenario: 'update_clinic', here: 30, other: 20 },
    { scenario: 'update_clinic', here: 10, other: 20 },
  ];
  expect(pairsTable(pairs).split('\n').slice(2)).toEqual([
    '| get_clinic | 19 | 20 | 0.95 | 0.90 to 1.00 |',
    '| update_clinic | 20 | 20 | 1.00 | 0.50 to 1.50 |',
  ]);
});
