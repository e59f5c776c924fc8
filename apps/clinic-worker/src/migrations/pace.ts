import { setTimeout as delay } from 'node:timers/promises';

/** Lets so many through in a second, evenly. */
export class Pace {
  private next = 0;
  private readonly interval: number;

  constructor(perSecond: number) {
    this.interval = 1_000 / perSecond;
  }

  /** Resolves when it is the caller's turn; rejects when `signal` is aborted before. */
  async turn(signal: AbortSignal): Promise<void> {
    const now = Date.now();
    const mine = Math.max(now, this.next);
    this.next = mine + this.interval;
    if (mine > now) await delay(mine - now, undefined, { signal });
  }
}
