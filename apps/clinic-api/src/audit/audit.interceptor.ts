import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { AuditEntry, AuditSubject } from '@caregate/clinic-model';
import { LOGGER, type Logger, operationOf, toCaregateError } from '@caregate/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { defer, lastValueFrom, type Observable } from 'rxjs';
import { Gate } from '../gate/gate.service.ts';
import { alsoIn, entryOf, subjectMade } from './audit-entry.ts';
import { AuditTrail } from './audit-trail.service.ts';
import { auditedAs } from './audited.ts';
import { type Concerned, gathering, nothingYet } from './concerns.ts';
import { RefusedRequests } from './refused-requests.service.ts';

const FORBIDDEN = 403;
const entered = new WeakSet<FastifyRequest>();

/** Has every write, and every read of patient data, recorded around its handler: one entry in each clinic and account that it is about. */
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
    return defer(() => {
      if (kind === 'write') return this.write(entry, reply, handled);
      if (entry.clinicId) return this.read(entry, operation.successStatus, reply, handled);
      return this.readOfSeveral(entry, reply, handled);
    });
  }

  private async write(entry: AuditEntry, reply: FastifyReply, handled: () => Promise<unknown>): Promise<unknown> {
    await this.trail.beforeWrite(entry);
    const concerned = nothingYet();
    try {
      const answer = await gathering(concerned, handled);
      this.noteWritten(entry, reply.statusCode, concerned, subjectMade(entry.operationId, answer));
      return answer;
    } catch (thrown) {
      this.noteWritten(entry, toCaregateError(thrown).status, concerned);
      throw thrown;
    }
  }

  /** The write is recorded already; here it is found in the lists of all whom it was about. */
  private noteWritten(entry: AuditEntry, status: number, concerned: Concerned, made: AuditSubject = {}): void {
    const { subject, further } = sorted(entry, concerned, made);
    this.trail.noteOutcome(entry, status, subject);
    this.trail.noteLate(further.map((where) => alsoIn({ ...entry, ...subject, status }, where)));
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

  /** Whose records were read is known when they have been; nothing is answered before that is recorded. */
  private async readOfSeveral(entry: AuditEntry, reply: FastifyReply, handled: () => Promise<unknown>) {
    const concerned = nothingYet();
    try {
      const answer = await gathering(concerned, handled);
      const { subject, further } = sorted(entry, concerned);
      const first = { ...entry, ...subject, status: reply.statusCode };
      await this.trail.noteAlso([first, ...further.map((where) => alsoIn(first, where))]);
      return answer;
    } catch (thrown) {
      this.trail.noteLate([{ ...entry, status: toCaregateError(thrown).status }]);
      throw thrown;
    }
  }
}

type Where = Pick<AuditEntry, 'clinicId' | 'accountId'>;

/** The entry itself stands in the first clinic, where its path names none; each further clinic and account has one of its own. */
function sorted(entry: AuditEntry, { subject, clinics, accounts }: Concerned, made: AuditSubject = {}) {
  const known = { ...subject, ...made };
  const inClinic = entry.clinicId ?? known.clinicId;
  const [first, ...rest] = [...clinics.values()].filter((clinicId) => !inClinic?.equals(clinicId));
  const isFree = inClinic === undefined && entry.accountId === undefined;
  const further: Where[] = [
    ...(first && !isFree ? [first, ...rest] : rest).map((clinicId) => ({ clinicId })),
    ...[...accounts].filter((accountId) => accountId !== entry.accountId).map((accountId) => ({ accountId })),
  ];
  return { subject: { ...known, ...(isFree && first && { clinicId: first }) }, further };
}

/**
 * Has attempts recorded that the access table refused: they never come to a handler. Those of people and keys with a part in the clinic
 * or the account are listed; those of strangers are counted, or they would push everything else out of sight.
 */
export function recordRefusals(app: NestFastifyApplication): void {
  const [trail, refused, gate] = [app.get(AuditTrail), app.get(RefusedRequests), app.get(Gate)];
  const logger = app.get<Logger>(LOGGER);
  const fastify = app.getHttpAdapter().getInstance();
  fastify.addHook('onResponse', async (request, reply) => {
    const operation = operationOf(request);
    if (reply.statusCode !== FORBIDDEN || !operation || !auditedAs(operation) || entered.has(request)) return;
    const entry = entryOf(request, operation, new Date());
    if (!entry) return;
    try {
      if (await gate.isStranger(request)) refused.count(entry.clinicId, entry.time);
      else trail.noteRefusal({ ...entry, status: FORBIDDEN });
    } catch (error) {
      logger.warn({ err: error }, 'a refusal could not be added to the audit');
    }
  });
}
