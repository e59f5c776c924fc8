import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, LeasedJob, LOGGER, type Logger, Metrics, MONGO } from '@caregate/service';
import type { Connection } from 'mongoose';
import type { ClinicApiConfig } from '../config.ts';
import { AuditRepository } from './audit.repository.ts';

const EVERY_SECONDS = 3_600;
const AT_ONCE = 1_000;
const DAY_MS = 86_400_000;

/** Deletes audit entries whose retention has ended, in batches, on one copy of the app at a time. */
@Injectable()
export class AuditRetention extends LeasedJob {
  private readonly expired;

  constructor(
    private readonly audit: AuditRepository,
    @Inject(CONFIG) private readonly config: ClinicApiConfig,
    @Inject(MONGO) connection: Connection,
    @Inject(LOGGER) logger: Logger,
    metrics: Metrics,
  ) {
    super({ connection, logger, name: 'audit-retention', everySeconds: EVERY_SECONDS });
    this.expired = metrics.counter(
      'caregate_audit_expired_total',
      'Entries of the audit that were deleted for their age',
    );
  }

  async run(signal?: AbortSignal): Promise<void> {
    const { AUDIT_RETENTION_DAYS: days } = this.config;
    if (days === 0) return;
    const before = new Date(Date.now() - days * DAY_MS);
    for (let deleted = AT_ONCE; deleted >= AT_ONCE && signal?.aborted !== true;) {
      deleted = await this.audit.deleteSomeBefore(before, AT_ONCE);
      this.expired.inc(deleted);
    }
  }
}
