import { retryAfterMs } from './retry-after.ts';

const now = Date.parse('2026-11-24T12:00:00Z');

test.each([
  ['3', 3_000],
  [' 0 ', 0],
  ['Tue, 24 Nov 2026 12:00:05 GMT', 5_000],
  ['Tue, 24 Nov 2026 11:00:00 GMT', 0],
  ['soon', undefined],
  ['-1', undefined],
  ['1.5', undefined],
  ['', undefined],
  [null, undefined],
])('%j', (header, wait) => {
  expect(retryAfterMs(header, now)).toBe(wait);
});
