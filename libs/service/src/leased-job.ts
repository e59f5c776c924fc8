import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { setTimeout as pause } from 'node:timers/promises';
import type { Connection } from 'mongoose';
import type { Logger } from './log.ts';
import { isDuplicateKey } from './transaction.ts';

interface LeaseDocument {
  readonly _id: string;
  readonly until: Date;
}

export interface LeasedJobSettings {
  readonly connection: Connection;
  readonly logger: Logger;
  /** What the copies of the apps agree by: one of them runs it. */
  readonly name: string;
  readonly everySeconds: number;
}

const LEASES = 'leases';
const AFTER_A_FAULT_SECONDS = 5;

/**
 * Work that one copy of an app does from time to time. The lease of a run lasts until the next one is due, whether the run ends well or
 * the copy dies; the clock is the database's. A run that takes longer may meet the next one, so `run` must bear that.
 */
export abstract class LeasedJob implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly leaving = new AbortController();
  private running: Promise<void> = Promise.resolve();

  protected constructor(private readonly settings: LeasedJobSettings) {}

  abstract run(signal?: AbortSignal): Promise<void>;

  onApplicationBootstrap(): void {
    this.running = this.goOn();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.leaving.abort();
    await this.running;
  }

  private async goOn(): Promise<void> {
    const { signal } = this.leaving;
    const { name, everySeconds, logger } = this.settings;
    while (!signal.aborted) {
      let askAgainSeconds = everySeconds / 4;
      try {
        if (await this.isDue()) await this.run(signal);
      } catch (error) {
        if (!signal.aborted)
          logger.warn({ err: error, job: name }, 'a job could not be done; it is tried again when it is due');
        // When the run failed, it has its lease until it is due. When the database was away, nobody has run it.
        askAgainSeconds = Math.min(askAgainSeconds, AFTER_A_FAULT_SECONDS);
      }
      await pause(askAgainSeconds * 1_000, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  private async isDue(): Promise<boolean> {
    const { connection, name, everySeconds } = this.settings;
    try {
      // Decided in the update, as MongoDB takes no `$expr` in the filter of one that may insert. An unchanged document is no modified one.
      const isDue = { $lte: [{ $ifNull: ['$until', new Date(0)] }, '$$NOW'] };
      const until = { $cond: [isDue, { $add: ['$$NOW', everySeconds * 1_000] }, '$until'] };
      const { modifiedCount, upsertedCount } = await connection
        .collection<LeaseDocument>(LEASES)
        .updateOne({ _id: name }, [{ $set: { until } }], { upsert: true });
      return modifiedCount + upsertedCount > 0;
    } catch (error) {
      if (isDuplicateKey(error)) return false; // another copy has it
      throw error;
    }
  }
}
