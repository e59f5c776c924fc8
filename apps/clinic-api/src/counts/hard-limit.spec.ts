import { PaymentRequired } from '@caregate/service';
import { assertRoom, hardLimitAt, isPossible, limitsOf } from './hard-limit.ts';

const now = new Date('2026-11-24T12:00:00Z');
const at = (text: string) => new Date(text);
const free = { tier: 'tier0100', country: 'US' };

describe('which limits a clinic has', () => {
  test.each([
    ['a US clinic on the free tier', free, 250],
    ['a clinic of no country', { tier: 'tier0100' }, 250],
    ['a clinic elsewhere', { tier: 'tier0100', country: 'AU' }, undefined],
    ['a clinic that pays', { tier: 'tier0200', country: 'US' }, undefined],
    ['one with a limit of its own', { ...free, patientCountSettings: { hardLimit: { plan: 3 } } }, 3],
    ['one with a limit of none', { ...free, patientCountSettings: { hardLimit: { plan: 0 } } }, 0],
    ['one that was freed of it', { ...free, patientCountSettings: {} }, undefined],
    [
      'a limit of its own, but paying',
      { tier: 'tier0400', patientCountSettings: { hardLimit: { plan: 3 } } },
      undefined,
    ],
  ])('%s', (_name, clinic, limit) => {
    expect(hardLimitAt(now, clinic, 250)).toBe(limit);
  });

  test('limits that do not apply are not shown, the soft limit neither', () => {
    const patientCountSettings = { hardLimit: { plan: 3 }, softLimit: { plan: 2 } };
    expect(limitsOf({ ...free, patientCountSettings }, 250)).toEqual(patientCountSettings);
    expect(limitsOf({ tier: 'tier0300', patientCountSettings }, 250)).toEqual({});
  });

  test.each([
    ['before it begins', { startDate: at('2026-11-24T12:00:01Z') }, false],
    ['at its beginning', { startDate: now }, true],
    ['at its end', { endDate: now }, true],
    ['after its end', { endDate: at('2026-11-24T11:59:59Z') }, false],
    ['in its time', { startDate: at('2026-01-01T00:00:00Z'), endDate: at('2027-01-01T00:00:00Z') }, true],
  ])('%s', (_name, window, applies) => {
    const clinic = { ...free, patientCountSettings: { hardLimit: { plan: 1, ...window } } };
    expect(hardLimitAt(now, clinic, 250)).toBe(applies ? 1 : undefined);
  });
});

test('a limit is reached when there are as many patients', () => {
  expect(() => assertRoom(249, 250)).not.toThrow();
  expect(() => assertRoom(250, 250)).toThrow(PaymentRequired);
  expect(() => assertRoom(251, 250)).toThrow(PaymentRequired);
  expect(() => assertRoom(0, 0)).toThrow(PaymentRequired);
  expect(() => assertRoom(1_000_000, undefined)).not.toThrow();
});

test('a limit must not end before it begins', () => {
  const [early, late] = [at('2026-01-01T00:00:00Z'), at('2027-01-01T00:00:00Z')];
  expect(isPossible({ plan: 1, startDate: late, endDate: early })).toBe(false);
  expect(isPossible({ plan: 1, startDate: early, endDate: late })).toBe(true);
  expect(isPossible({ plan: 1, startDate: early, endDate: early })).toBe(true);
  expect(isPossible({ plan: 1, startDate: late })).toBe(true);
});
