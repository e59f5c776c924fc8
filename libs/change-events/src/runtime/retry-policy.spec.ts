import fc from 'fast-check';
import { DEFAULT_RETRIES, nextStep } from './retry-policy.ts';

const now = new Date('2026-01-02T00:00:00Z');
const failed = { kind: 'fault', attempts: 1, awayAttempts: 0, firstFailure: now, now } as const;
const waits = (step: ReturnType<typeof nextStep>) =>
  step.step === 'retry' ? step.due.getTime() - now.getTime() : undefined;

describe('after a failure', () => {
  it('the wait grows up to the longest', () => {
    const longest = [1, 2, 3, 7].map((attempts) => waits(nextStep(DEFAULT_RETRIES, { ...failed, attempts }, () => 1)));
    expect(longest).toEqual([1_000, 3_000, 9_000, 600_000]);
  });

  it('the wait is drawn from the upper half of its range', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 1, max: 7 }), (drawn, attempts) => {
        const most = waits(nextStep(DEFAULT_RETRIES, { ...failed, attempts }, () => 1)) ?? 0;
        const wait = waits(nextStep(DEFAULT_RETRIES, { ...failed, attempts }, () => drawn)) ?? 0;
        expect(wait).toBeGreaterThanOrEqual(Math.floor(most / 2));
        expect(wait).toBeLessThanOrEqual(most);
      }),
    );
  });

  it('that was the last attempt, the event is dead', () => {
    expect(nextStep(DEFAULT_RETRIES, { ...failed, attempts: DEFAULT_RETRIES.attempts })).toEqual({ step: 'dead' });
  });

  it('that cannot get better, the event is dead at once', () => {
    expect(nextStep(DEFAULT_RETRIES, { ...failed, kind: 'permanent' })).toEqual({ step: 'dead' });
  });

  it('of something that is away, it is tried for a day, every few seconds', () => {
    const away = { ...failed, kind: 'away', awayAttempts: 500, attempts: DEFAULT_RETRIES.attempts } as const;
    expect(waits(nextStep(DEFAULT_RETRIES, away, () => 1))).toBe(DEFAULT_RETRIES.longestDelayWhileAway);
    expect(waits(nextStep(DEFAULT_RETRIES, { ...away, retryAfter: 1_800_000 }))).toBe(1_800_000);
    const since = new Date(now.getTime() - DEFAULT_RETRIES.patience);
    expect(nextStep(DEFAULT_RETRIES, { ...away, firstFailure: since })).toEqual({ step: 'dead' });
  });
});
