import { Injectable } from '@nestjs/common';
import { objectId } from '@caregate/clinic-model';
import { BadRequest } from '@caregate/service';
import type { AuditEntry } from './audit-entry.ts';
import { type AuditFilter, AuditRepository, type Place } from './audit.repository.ts';

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
      ...(after !== undefined && { after: readPlace(after) }),
    };
    const found = await this.audit.list(filter, limit + 1);
    const entries = found.slice(0, limit);
    const last = entries.at(-1);
    return { entries: entries.map(view), next: found.length > limit && last ? writtenPlace(last) : undefined };
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

const writtenPlace = ({ time, _id }: Place) => `${time.getTime()}-${_id.toHexString()}`;

function readPlace(text: string): Place {
  const [, time = '', id = ''] = /^([0-9]{1,15})-([0-9a-f]{24})$/.exec(text) ?? [];
  const _id = objectId(id);
  if (!_id) throw new BadRequest('query parameter "after" has an error: give the "next" of the page before');
  return { time: new Date(Number(time)), _id };
}
