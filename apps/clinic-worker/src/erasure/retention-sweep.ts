import { CLINIC_MODELS, type ClinicModels, stripArchives, type UnusedAccountDocument } from '@caregate/clinic-model';
import { LOGGER, type Logger, MONGO } from '@caregate/service';
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Connection } from 'mongoose';
import { CustodialAccounts } from './custodial-accounts.ts';

const EVERY_MS = 600_000;
/** MongoDB may come later than this app. */
const AFTER_FAILURE_MS = 5_000;
/** `ConnectionStates.connected`, which mongoose gives as a type only. */
const CONNECTED = 1;
/** A clinic that could not write a patient has this long to try again with the account that it made. */
const UNUSED_KEPT_MS = 7 * 86_400_000;

/** Ends by and by what no index of MongoDB can end by itself. Each copy of the worker does so; nothing is harmed when two do at once. */
@Injectable()
export class RetentionSweep implements OnApplicationBootstrap, OnApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(
    @Inject(MONGO) private readonly connection: Connection,
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly accounts: CustodialAccounts,
  ) {}

  onApplicationBootstrap(): void {
    void this.sweepForEver();
  }

  onApplicationShutdown(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  private async sweepForEver(): Promise<void> {
    const swept = await this.sweep();
    if (this.stopped) return;
    this.timer = setTimeout(() => void this.sweepForEver(), swept ? EVERY_MS : AFTER_FAILURE_MS).unref();
  }

  private async sweep(): Promise<boolean> {
    if (this.connection.readyState !== CONNECTED) return false;
    try {
      const archives = await stripArchives(this.connection);
      const accounts = await this.endUnusedAccounts();
      if (archives + accounts > 0) this.logger.info({ archives, accounts }, 'what had been kept long enough is gone');
      return true;
    } catch (error) {
      if (!this.stopped)
        this.logger.warn({ err: error }, 'not all that has been kept long enough could be removed; it is tried again');
      return false;
    }
  }

  private async endUnusedAccounts(): Promise<number> {
    const { unusedAccounts } = this.models;
    const old = { createdTime: { $lt: new Date(Date.now() - UNUSED_KEPT_MS) } };
    let ended = 0;
    for await (const { _id } of unusedAccounts
      .find(old, { _id: 1 })
      .lean<Pick<UnusedAccountDocument, '_id'>[]>()
      .cursor()) {
      const { matchedCount } = await unusedAccounts.updateOne({ _id, ...old }, { $set: { endingTime: new Date() } });
      if (matchedCount === 0) continue; // a clinic has taken it just now
      await this.accounts.end(_id, { hasData: false });
      await unusedAccounts.deleteOne({ _id });
      ended++;
    }
    return ended;
  }
}
