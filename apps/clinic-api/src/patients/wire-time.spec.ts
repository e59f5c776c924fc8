import { wireTime } from './wire-time.ts';

test.each([
  ['2026-01-02T03:04:05.000Z', '2026-01-02T03:04:05Z'],
  ['2026-01-02T03:04:05.120Z', '2026-01-02T03:04:05.12Z'],
  ['2026-01-02T03:04:05.007Z', '2026-01-02T03:04:05.007Z'],
  ['2026-01-02T03:00:00.000Z', '2026-01-02T03:00:00Z'],
])('%s is written %s', (moment, written) => {
  expect(wireTime(new Date(moment))).toBe(written);
});
