import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { BadRequest } from '@caregate/service';
import type { FastifyRequest } from 'fastify';
import { FreshnessService } from '../replication/freshness.service.ts';

const READ_AFTER = 'x-caregate-read-after';
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** A read that names a write which it must not be older than waits until the replicas have caught up. */
@Injectable()
export class ReadAfter implements CanActivate {
  private readonly waits = new WeakMap<FastifyRequest, Promise<void>>();

  constructor(private readonly freshness: FreshnessService) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    await this.wait(context.switchToHttp().getRequest<FastifyRequest>());
    return true;
  }

  /**
   * Every look at the rows for a request comes after this one wait, whichever part of the app looks first.
   * @throws {BadRequest} for a header that is no time, {ServiceUnavailable} when the replicas do not catch up in time
   */
  wait(request: FastifyRequest): Promise<void> {
    const known = this.waits.get(request);
    if (known) return known;
    const wait = this.begin(request);
    this.waits.set(request, wait);
    return wait;
  }

  private async begin({ headers, method }: FastifyRequest): Promise<void> {
    const time = headers[READ_AFTER];
    if (time === undefined || method !== 'GET') return;
    if (typeof time !== 'string' || !TIME.test(time))
      throw new BadRequest(`header ${READ_AFTER} has an error: it must be a date and time`);
    await this.freshness.upToNow();
  }
}
