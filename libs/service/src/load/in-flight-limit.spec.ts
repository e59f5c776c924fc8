import { InFlightLimit } from './in-flight-limit.ts';

const LATE_MS = 250;

/** A service that can work off so many a second, and gets so many more than that; gives the longest that one took. */
function underPressure(limit: InFlightLimit, perSecond: number, times: number, seconds: number, from = 0): number[] {
  const begun: number[] = [];
  const took: number[] = [];
  const step = 1_000 / perSecond;
  for (let now = from; now < from + seconds * 1_000; now += step) {
    for (let n = 0; n < times; n++) if (limit.enter()) begun.push(now);
    const first = begun.shift();
    if (first === undefined) continue;
    took.push(now - first);
    limit.leave(now - first, now);
  }
  for (const first of begun) limit.leave(from + seconds * 1_000 - first, from + seconds * 1_000);
  return took;
}

const percentile = (values: readonly number[], share: number) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length * share)] ?? 0;

test('no more than the most are let in, and one that ends makes place', () => {
  const limit = new InFlightLimit(2, LATE_MS);
  expect([limit.enter(), limit.enter(), limit.enter()]).toEqual([true, true, false]);
  limit.leave(10, 10);
  expect(limit.enter()).toBe(true);
  expect(limit.inFlight).toBe(2);
});

test.each([50, 200, 1_000, 5_000])(
  'at four times what it can serve (%d a second) what it takes is soon done',
  (rate) => {
    const limit = new InFlightLimit(100, LATE_MS);
    underPressure(limit, rate, 4, 10);
    const took = underPressure(limit, rate, 4, 20, 10_000);
    expect(percentile(took, 0.99)).toBeLessThan(1_000);
    expect(took.length).toBeGreaterThan(rate * 20 * 0.95); // and nothing of what it could serve is refused
  },
);

test('when the pressure has gone it takes as many as ever', () => {
  const limit = new InFlightLimit(100, LATE_MS);
  underPressure(limit, 200, 4, 10);
  expect(limit.current).toBeLessThan(80);
  for (let now = 10_000; now < 12_000; now += 10) {
    expect(limit.enter()).toBe(true);
    limit.leave(5, now);
  }
  expect(limit.current).toBe(100);
});

test('a few that take long at once are no overload', () => {
  const limit = new InFlightLimit(100, LATE_MS);
  for (let now = 0; now < 60_000; now += 1_000) {
    for (let n = 0; n < 16; n++) expect(limit.enter()).toBe(true);
    for (let n = 0; n < 16; n++) limit.leave(5_000, now);
  }
});

test('without a limit all are let in', () => {
  const limit = new InFlightLimit(Infinity, LATE_MS);
  for (let n = 0; n < 10_000; n++) expect(limit.enter()).toBe(true);
  for (let n = 0; n < 10_000; n++) limit.leave(10, n * 200);
  expect(limit.enter()).toBe(true);
});
