import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { type AuditEntry, entryId } from '@caregate/clinic-model';
import { operationOf, toCaregateError } from '@caregate/service';
import type { FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import { catchError, concatMap, from } from 'rxjs';
import { AuditTrail } from '../audit/audit-trail.service.ts';
import { BelongingsRepository } from './belongings.repository.ts';

/** A move asks the same hundreds of times; it is told once, and again when it is still asked after so long. */
const TOLD_FOR_MS = 3_600_000;
const MOST_TOLD = 100_000;

/**
 * Tells each clinic of an account, in its own audit, what the directory does to the account: once for each operation of a move,
 * before it is carried out. The entry names the move. It is recorded as answered from the beginning, as nearly all are; one that was
 * refused is corrected, and the next attempt is told anew.
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
    return from(this.tell(request, status)).pipe(
      concatMap((told) =>
        next.handle().pipe(
          catchError((thrown: unknown) => {
            this.correct(told, toCaregateError(thrown).status);
            throw thrown;
          }),
        ),
      ),
    );
  }

  /** Gives the new entries, by what is told. */
  private async tell({ caller, ip, id }: FastifyRequest, status: number): Promise<ReadonlyMap<string, AuditEntry>> {
    const told = new Map<string, AuditEntry>();
    if (caller.kind !== 'directory') return told;
    const { accountId, operationId, moveId = accountId } = caller;
    const { clinicIds } = await this.belongings.scopeOf(accountId);
    const time = new Date();
    for (const clinicId of clinicIds) {
      const name = `${moveId} ${operationId} ${clinicId.toHexString()}`;
      if (this.told.has(name)) continue;
      told.set(name, {
        ...{ _id: entryId(time), time, operationId, clinicId, status, address: ip, requestId: id },
        caller: { kind: 'directory', id: 'directory' },
        record: moveId,
      });
    }
    await Promise.all([...told.values()].map((entry) => this.trail.beforeWrite(entry)));
    for (const name of told.keys()) this.told.set(name, true);
    return told;
  }

  private correct(told: ReadonlyMap<string, AuditEntry>, status: number): void {
    for (const [name, entry] of told) {
      this.told.delete(name);
      this.trail.noteOutcome(entry, status);
    }
  }
}
