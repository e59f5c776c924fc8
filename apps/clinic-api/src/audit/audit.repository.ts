import { Inject, Injectable } from '@nestjs/common';
import { CLINIC_MODELS, type ClinicModels, objectId } from '@caregate/clinic-model';
import type { UserId } from '@caregate/identity';
import { MONGO } from '@caregate/service';
import type { Connection, mongo, Types } from 'mongoose';
import { type AuditEntry, type AuditSubject, lowestEntryId } from './audit-entry.ts';

export interface Outcome extends AuditSubject {
  readonly _id: Types.ObjectId;
  readonly status: number;
}

export interface AuditFilter {
  readonly clinicId: string;
  readonly patientId?: UserId;
  readonly from?: Date;
  readonly until?: Date;
  /** Only what is older than this entry. */
  readonly after?: Types.ObjectId;
}

@Injectable()
export class AuditRepository {
  private readonly entries;

  constructor(
    @Inject(MONGO) connection: Connection,
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
  ) {
    this.entries = connection.collection<AuditEntry>('audit_entries');
  }

  /** Safe on disk of a majority when it returns. */
  async insert(entries: readonly AuditEntry[]): Promise<void> {
    await this.entries.insertMany([...entries], { ordered: false });
  }

  /** In the memory of the primary when it returns: enough for a read, which changes nothing, and cheap. */
  async insertQuickly(entries: readonly AuditEntry[]): Promise<void> {
    await this.entries.insertMany([...entries], { ordered: false, writeConcern: { w: 1, journal: false } });
  }

  async setOutcomes(outcomes: readonly Outcome[]): Promise<void> {
    const updates = outcomes.map(({ _id, ...outcome }) => ({
      updateOne: { filter: { _id }, update: { $set: outcome } },
    }));
    await this.entries.bulkWrite(updates, { ordered: false, writeConcern: { w: 1, journal: false } });
  }

  /** Newest first. */
  async list({ clinicId, patientId, from, until, after }: AuditFilter, limit: number): Promise<AuditEntry[]> {
    const _id = {
      ...(from && { $gte: lowestEntryId(from) }),
      ...(until && { $lt: lowestEntryId(until) }),
    };
    const conditions: mongo.Filter<AuditEntry>[] = [
      await this.ofClinic(clinicId, patientId),
      ...(Object.keys(_id).length > 0 ? [{ _id }] : []),
      ...(after ? [{ _id: { $lt: after } }] : []),
    ];
    return this.entries.find({ $and: conditions }).sort({ _id: -1 }).limit(limit).toArray();
  }

  /** What services do to a patient in all clinics at once (data sources, summaries) is shown to each clinic of the patient that asks for this patient. */
  private async ofClinic(clinicIdText: string, patientId: UserId | undefined): Promise<mongo.Filter<AuditEntry>> {
    const clinicId = objectId(clinicIdText);
    if (patientId === undefined) return { clinicId };
    if (!(await this.models.patients.exists({ clinicId, userId: patientId }))) return { clinicId, patientId };
    return { patientId, $or: [{ clinicId }, { clinicId: { $exists: false }, 'caller.kind': 'service' }] };
  }
}
