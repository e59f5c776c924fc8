import { type SoakSample, soakRows, trendOf } from './soak-report.ts';

const samples = (rssAt: (n: number) => number): SoakSample[] =>
  Array.from({ length: 40 }, (_, n) => ({ seconds: n * 30, rssMb: rssAt(n), heapMb: 60, resources: 20 }));

test('what grows only while it warms up has no trend', () => {
  expect(
    trendOf(
      samples((n) => Math.min(180, 100 + n * 10)),
      'rssMb',
    ).grewBy,
  ).toBeCloseTo(0);
});

test('what goes on growing is told, and by how much', () => {
  const leaking = { seconds: 1_200, requests: 1, rps: 1, samples: samples((n) => 100 + n) };
  expect(trendOf(leaking.samples, 'rssMb').perHour).toBeCloseTo(120);
  expect(soakRows(leaking).filter(({ short }) => short !== undefined)).toEqual([
    expect.objectContaining({ what: 'memory (RSS) over 20.0 min' }),
  ]);
});
