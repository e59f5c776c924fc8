import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { type AuditEntry, entryId } from '@caregate/clinic-model';
import { operationOf } from '@caregate/service';
import type { FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import type { Types } from 'mongoose';
import { concatMap, from } from 'rxjs';
import { AuditTrail } from '../audit/audit-trail.service.ts';
import { BelongingsRepository } from './belongings.repository.ts';

/** A move asks the same hundreds of times; it is told once, and again when it is still asked after so long. */
const TOLD_FOR_MS = 3_600_000;
const MOST_TOLD = 100_000;

/**
 * Tells each clinic of an account, in its own audit, what the directory does to the account: once for each operation of a move,
 * before it is carried out. The entry names the move.
 */
@Injectable()
export class DirectoryAudit implements NestInterceptor {
  private readonly told = new LRUCache<string, true>({ max: MOST_TOLD, ttl: TOLD_FOR_MS });

  constructor(
    private readonly trail: AuditTrail,
    private readonly belongings: BelongingsRepository,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler) {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const status = operationOf(request)?.successStatus;
    if (request.caller?.kind !== 'directory' || status === undefined) return next.handle();
    return from(this.tell(request, status)).pipe(concatMap(() => next.handle()));
  }

  private async tell({ caller, ip, id }: FastifyRequest, status: number): Promise<void> {
    if (caller.kind !== 'directory') return;
    const { accountId, operationId, moveId = accountId } = caller;
    const { clinicIds } = await this.belongings.scopeOf(accountId);
    const nameOf = (clinicId: Types.ObjectId) => `${moveId} ${operationId} ${clinicId.toHexString()}`;
    const fresh = clinicIds.filter((clinicId) => !this.told.has(nameOf(clinicId)));
    const time = new Date();
    await Promise.all(
      fresh.map((clinicId) =>
        this.trail.beforeWrite({
          ...{ _id: entryId(time), time, operationId, clinicId, status, address: ip, requestId: id },
          caller: { kind: 'directory', id: 'directory' },
          record: moveId,
        } satisfies AuditEntry),
      ),
    );
    for (const clinicId of fresh) this.told.set(nameOf(clinicId), true);
  }
}
