import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { operationOf, toCaregateError } from '@caregate/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { defer, lastValueFrom, type Observable } from 'rxjs';
import { type AuditEntry, type AuditSubject, entryOf, subjectMade } from './audit-entry.ts';
import { AuditTrail } from './audit-trail.service.ts';
import { auditedAs } from './audited.ts';
import { gathering } from './concerns.ts';

const FORBIDDEN = 403;
const entered = new WeakSet<FastifyRequest>();

/** Has every write, and every read of patient data, recorded around its handler. */
@Injectable()
export class AuditInterceptor implements NestInterceptor {
  constructor(private readonly trail: AuditTrail) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    const operation = operationOf(request);
    const kind = operation && auditedAs(operation);
    const entry = kind && entryOf(request, operation, new Date());
    if (!entry) return next.handle();
    entered.add(request);
    const handled = () => lastValueFrom(next.handle(), { defaultValue: undefined });
    return defer(() =>
      kind === 'write' ? this.write(entry, reply, handled) : this.read(entry, operation.successStatus, reply, handled),
    );
  }

  private async write(entry: AuditEntry, reply: FastifyReply, handled: () => Promise<unknown>): Promise<unknown> {
    await this.trail.beforeWrite(entry);
    const concerned: AuditSubject = {};
    try {
      const answer = await gathering(concerned, handled);
      this.trail.noteOutcome(entry, reply.statusCode, { ...concerned, ...subjectMade(entry.operationId, answer) });
      return answer;
    } catch (thrown) {
      this.trail.noteOutcome(entry, toCaregateError(thrown).status, concerned);
      throw thrown;
    }
  }

  /** Recorded as answered from the beginning, as nearly all are; the others are corrected. */
  private async read(
    entry: AuditEntry,
    successStatus: number,
    reply: FastifyReply,
    handled: () => Promise<unknown>,
  ): Promise<unknown> {
    const noted = this.trail.noteRead({ ...entry, status: successStatus });
    try {
      const [answer] = await Promise.all([handled(), noted]);
      if (reply.statusCode !== successStatus) this.trail.noteOutcome(entry, reply.statusCode);
      return answer;
    } catch (thrown) {
      void noted.then(
        () => this.trail.noteOutcome(entry, toCaregateError(thrown).status),
        () => undefined, // then there is no entry, and no answer either
      );
      throw thrown;
    }
  }
}

/** Has attempts recorded that the access table refused: they never come to a handler. */
export function recordRefusals(app: NestFastifyApplication): void {
  const trail = app.get(AuditTrail);
  const fastify = app.getHttpAdapter().getInstance();
  fastify.addHook('onResponse', async (request, reply) => {
    const operation = operationOf(request);
    if (reply.statusCode !== FORBIDDEN || !operation || !auditedAs(operation) || entered.has(request)) return;
    const entry = entryOf(request, operation, new Date());
    if (entry) trail.noteRefusal({ ...entry, status: FORBIDDEN });
  });
}
