import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { BadRequest } from '@caregate/service';
import type { FastifyRequest } from 'fastify';
import { FreshnessService } from '../replication/freshness.service.ts';

const READ_AFTER = 'x-caregate-read-after';
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** A read that names a write which it must not be older than waits until the replicas have caught up. */
@Injectable()
export class ReadAfter implements CanActivate {
  constructor(private readonly freshness: FreshnessService) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const time = request.headers[READ_AFTER];
    if (time === undefined || request.method !== 'GET') return true;
    if (typeof time !== 'string' || !TIME.test(time))
      throw new BadRequest(`header ${READ_AFTER} has an error: it must be a date and time`);
    await this.freshness.upToNow();
    return true;
  }
}
