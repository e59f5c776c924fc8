import { Injectable } from '@nestjs/common';
import { isObjectIdText, objectId } from '@caregate/clinic-model';
import { BadRequest } from '@caregate/service';
import type { AuditEntry } from './audit-entry.ts';
import { type AuditFilter, AuditRepository } from './audit.repository.ts';

export interface AuditQuery extends Pick<AuditFilter, 'patientId'> {
  readonly limit?: number;
  /** RFC 3339. */
  readonly from?: string;
  readonly until?: string;
  readonly after?: string;
}

const DEFAULT_LIMIT = 100;

/** The audit of a clinic, for its admins. */
@Injectable()
export class AuditService {
  constructor(private readonly audit: AuditRepository) {}

  async list(clinicId: string, { limit = DEFAULT_LIMIT, patientId, from, until, after }: AuditQuery) {
    const filter = {
      clinicId,
      ...(patientId !== undefined && { patientId }),
      ...(from !== undefined && { from: new Date(from) }),
      ...(until !== undefined && { until: new Date(until) }),
      ...(after !== undefined && { after: entryIdOf(after) }),
    };
    const found = await this.audit.list(filter, limit + 1);
    const entries = found.slice(0, limit);
    const last = entries.at(-1);
    return { entries: entries.map(view), next: found.length > limit && last ? last._id.toHexString() : undefined };
  }
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
