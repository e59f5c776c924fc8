import type { Logger } from '@caregate/service';
import pRetry from 'p-retry';

/**
 * Does what only a server that is away can hinder, for as long as it takes. Rejects when `stop` is aborted before it is done;
 * a try that succeeds while being told to stop counts.
 */
export type UntilDone = <T>(what: string, stop: AbortSignal, task: () => Promise<T>) => Promise<T>;

export function untilDone(logger: Logger): UntilDone {
  return async <T>(what: string, stop: AbortSignal, task: () => Promise<T>): Promise<T> => {
    let done: { readonly result: T } | undefined;
    try {
      await pRetry(async () => void (done = { result: await task() }), {
        retries: Number.POSITIVE_INFINITY,
        minTimeout: 100,
        maxTimeout: 3_000,
        randomize: true,
        signal: stop,
        onFailedAttempt: ({ error, attemptNumber }) => {
          if (attemptNumber === 2) logger.warn({ err: error }, `cannot ${what}; trying on`);
        },
      });
    } catch (error) {
      if (!done) throw error;
    }
    if (!done) throw new Error(`${what}: nothing was done`);
    return done.result;
  };
}
