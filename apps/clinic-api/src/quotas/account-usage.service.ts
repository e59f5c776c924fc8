import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, LeasedJob, LOGGER, type Logger, Metrics, MONGO } from '@caregate/service';
import type { Connection } from 'mongoose';
import { setTimeout as pause } from 'node:timers/promises';
import type { ClinicApiConfig } from '../config.ts';
import { isNear } from './quota-limits.ts';
import { measured, Quotas } from './quotas.service.ts';
import { QuotasRepository, type Usage } from './quotas.repository.ts';

/** Measures from time to time what accounts, and clinics without one, take of the shard: on one copy of the app, with pauses. */
@Injectable()
export class AccountUsage extends LeasedJob {
  private readonly near;

  constructor(
    private readonly repository: QuotasRepository,
    private readonly quotas: Quotas,
    @Inject(CONFIG) config: ClinicApiConfig,
    @Inject(MONGO) connection: Connection,
    @Inject(LOGGER) logger: Logger,
    metrics: Metrics,
  ) {
    super({ connection, logger, name: 'account-usage', everySeconds: config.USAGE_EVERY_MINUTES * 60 });
    this.near = metrics.gauge(
      'caregate_account_quota_near',
      'Accounts and clinics without one that use at least four fifths of a quota, as measured by this copy',
      ['quota'],
    );
  }

  async run(signal?: AbortSignal): Promise<void> {
    const begun = new Date();
    const found = new Map<string, Usage & { accountId: string | undefined }>();
    for await (const { _id, accountId } of this.repository.allClinics()) {
      if (signal?.aborted) return;
      const started = performance.now();
      const { patients, bytes } = await this.repository.measure(_id);
      const id = accountId ?? _id.toHexString();
      const sum = found.get(id) ?? { _id: id, accountId, clinics: 0, patients: 0, bytes: 0, measuredTime: begun };
      found.set(id, { ...sum, clinics: sum.clinics + 1, patients: sum.patients + patients, bytes: sum.bytes + bytes });
      await pause(performance.now() - started, undefined, { signal }).catch(() => undefined); // others come first
    }
    await this.repository.keepUsage(
      [...found.values()].map(({ accountId: _, ...usage }) => usage),
      begun,
    );
    this.quotas.noteMeasured();
    this.tell([...found.values()]);
  }

  private tell(found: readonly (Usage & { accountId: string | undefined })[]): void {
    for (const quota of ['patients', 'storageMib', 'clinics'] as const) {
      const shares = found.map(({ accountId, ...usage }) => {
        const limit = this.quotas.limitsOf(accountId)[quota];
        return { limit, used: { ...measured(usage), clinics: usage.clinics }[quota] };
      });
      this.near.set({ quota }, shares.filter(({ limit, used }) => isNear(limit, used)).length);
    }
  }
}
