import { type BeforeApplicationShutdown, Inject, Injectable } from '@nestjs/common';
import type { RefusedRequestsDocument } from '@caregate/clinic-model';
import { LOGGER, type Logger, Metrics } from '@caregate/service';
import type { Types } from 'mongoose';
import { AuditRepository, dayOf } from './audit.repository.ts';

/** What has come is written together, so that a flood costs one write in this time. */
const WRITE_AFTER_MS = 1_000;
/** More clinics than anybody asks for in that time; beyond, only the metric counts. */
const MOST_CLINICS = 10_000;

/** Counts, by clinic and day, the refused requests of callers who have no part in the clinic. */
@Injectable()
export class RefusedRequests implements BeforeApplicationShutdown {
  private waiting = new Map<string, RefusedRequestsDocument>();
  private timer: NodeJS.Timeout | undefined;
  private readonly counted;

  constructor(
    private readonly repository: AuditRepository,
    @Inject(LOGGER) private readonly logger: Logger,
    metrics: Metrics,
  ) {
    this.counted = metrics.counter(
      'caregate_refused_strangers_total',
      'Requests that were refused to users and keys with no part in the clinic or account',
    );
  }

  count(clinicId: Types.ObjectId | undefined, lastTime: Date): void {
    this.counted.inc();
    if (!clinicId) return;
    const day = dayOf(lastTime);
    const _id = `${clinicId.toHexString()}/${day}`;
    const { requests } = this.waiting.get(_id) ?? { requests: 0 };
    if (requests === 0 && this.waiting.size >= MOST_CLINICS) return;
    this.waiting.set(_id, { _id, clinicId, day, requests: requests + 1, lastTime });
    this.timer ??= setTimeout(() => void this.write(), WRITE_AFTER_MS).unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.write();
  }

  private async write(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    const waiting = [...this.waiting.values()];
    this.waiting = new Map();
    if (waiting.length === 0) return;
    await this.repository
      .addRefused(waiting)
      .catch((error) => this.logger.warn({ err: error }, 'refused requests could not be added to the audit'));
  }
}
