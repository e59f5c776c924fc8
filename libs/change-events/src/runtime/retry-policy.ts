import type { FailureKind } from './failures.ts';

/** How often, and how far apart, a failed reaction is tried again. Times are milliseconds. */
export interface RetryPolicy {
  /** Wait before the second attempt; it grows by `factor` each time up to `longestDelay`. */
  readonly firstDelay: number;
  readonly factor: number;
  readonly longestDelay: number;
  /** After so many attempts that failed by themselves the event goes to the dead letters. */
  readonly attempts: number;
  /** While something that the reaction needs is away it is tried at least this often … */
  readonly longestDelayWhileAway: number;
  /** … and for this long since the first failure, however many attempts that makes. */
  readonly patience: number;
}

/** Eight attempts within about 20 minutes; a day for what waits on a server. The short wait while away bounds the delay once it is back. */
export const DEFAULT_RETRIES: RetryPolicy = {
  firstDelay: 1_000,
  factor: 3,
  longestDelay: 600_000,
  attempts: 8,
  longestDelayWhileAway: 10_000,
  patience: 24 * 3_600_000,
};

export interface FailedAttempt {
  readonly kind: FailureKind;
  /** Which attempt failed, from 1. Attempts that found something away are counted in `awayAttempts` instead. */
  readonly attempts: number;
  readonly awayAttempts: number;
  readonly firstFailure: Date;
  readonly now: Date;
  /** Milliseconds that whatever is away asks to be left alone. */
  readonly retryAfter?: number | undefined;
}

export type NextStep = { readonly step: 'retry'; readonly due: Date } | { readonly step: 'dead' };

/** Decides what follows a failure. The wait is drawn from the upper half of its range, so that what failed together does not come back together. */
export function nextStep(policy: RetryPolicy, failed: FailedAttempt, random: () => number = Math.random): NextStep {
  if (failed.kind === 'permanent') return { step: 'dead' };
  const away = failed.kind === 'away';
  if (away && failed.now.getTime() - failed.firstFailure.getTime() >= policy.patience) return { step: 'dead' };
  if (!away && failed.attempts >= policy.attempts) return { step: 'dead' };
  const nth = Math.max(1, away ? failed.awayAttempts : failed.attempts);
  const cap = away ? policy.longestDelayWhileAway : policy.longestDelay;
  const delay = Math.min(cap, policy.firstDelay * policy.factor ** (nth - 1));
  const wait = Math.max(delay * (0.5 + random() / 2), away ? (failed.retryAfter ?? 0) : 0);
  return { step: 'retry', due: new Date(failed.now.getTime() + wait) };
}
