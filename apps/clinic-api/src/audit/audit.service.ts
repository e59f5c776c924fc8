import { Injectable } from '@nestjs/common';
import { type AccountId, type AuditEntry, isObjectIdText, objectId } from '@caregate/clinic-model';
import { BadRequest, NotFound } from '@caregate/service';
import { type AuditFilter, AuditRepository } from './audit.repository.ts';

export interface AuditQuery extends Pick<AuditFilter, 'patientId'> {
  readonly limit?: number;
  /** RFC 3339. */
  readonly from?: string;
  readonly until?: string;
  readonly after?: string;
}

export interface AccountAuditQuery extends Omit<AuditQuery, 'patientId'> {
  /** What was done in this clinic, in place of what was done with the account. */
  readonly clinicId?: string;
}

const DEFAULT_LIMIT = 100;
const DAYS_SHOWN = 100;

/** The audit of a clinic, for its admins, and of an account, for its owner. */
@Injectable()
export class AuditService {
  constructor(private readonly audit: AuditRepository) {}

  async list(clinicId: string, { limit = DEFAULT_LIMIT, patientId, from, until, after }: AuditQuery) {
    const page = pageOf({ from, until, after });
    const filter = { clinicId, ...(patientId !== undefined && { patientId }), ...page };
    const [found, refused] = await Promise.all([
      this.audit.list(filter, limit + 1),
      // They are nobody's business but on the first page, and say nothing of a patient.
      after === undefined && patientId === undefined ? this.audit.refusedBy(clinicId, page, DAYS_SHOWN) : undefined,
    ]);
    return {
      ...paged(found, limit),
      refusedStrangers: refused?.map(({ day, requests, lastTime }) => ({ day, requests, lastTime })),
    };
  }

  /** @throws {NotFound} for a clinic that never was the account's */
  async listOfAccount(accountId: AccountId, { limit = DEFAULT_LIMIT, clinicId, ...range }: AccountAuditQuery) {
    const page = pageOf(range);
    if (clinicId === undefined) return paged(await this.audit.listOfAccount(accountId, page, limit + 1), limit);
    if (!(await this.audit.wasOf(accountId, clinicId))) throw new NotFound('clinic not found');
    return paged(await this.audit.list({ clinicId, ...page }, limit + 1), limit);
  }
}

const pageOf = ({ from, until, after }: Pick<AuditQuery, 'from' | 'until' | 'after'>) => ({
  ...(from !== undefined && { from: new Date(from) }),
  ...(until !== undefined && { until: new Date(until) }),
  ...(after !== undefined && { after: entryIdOf(after) }),
});

function paged(found: readonly AuditEntry[], limit: number) {
  const entries = found.slice(0, limit);
  const last = entries.at(-1);
  return { entries: entries.map(view), next: found.length > limit && last ? last._id.toHexString() : undefined };
}

const view = ({ _id, time, operationId, caller, patientId, clinicianId, record, status, address }: AuditEntry) => ({
  id: _id.toHexString(),
  time,
  operationId,
  caller,
  patientId,
  clinicianId,
  record,
  status,
  address,
});

function entryIdOf(text: string) {
  if (!isObjectIdText(text))
    throw new BadRequest('query parameter "after" has an error: give the "next" of the page before');
  return objectId(text);
}
