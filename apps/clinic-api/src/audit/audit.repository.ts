import { Inject, Injectable } from '@nestjs/common';
import { CLINIC_MODELS, type ClinicModels, objectId } from '@caregate/clinic-model';
import type { UserId } from '@caregate/identity';
import { MONGO } from '@caregate/service';
import type { Connection, mongo, Types } from 'mongoose';
import { type AuditEntry, type AuditSubject, lowestEntryId } from './audit-entry.ts';

export interface Outcome {
  readonly entry: AuditEntry;
  readonly status: number;
  /** What the request turned out to be about. */
  readonly subject: AuditSubject;
}

export interface AuditFilter {
  readonly clinicId: string;
  readonly patientId?: UserId;
  readonly from?: Date;
  readonly until?: Date;
  /** Only what is older than this entry. */
  readonly after?: Types.ObjectId;
}

const AT_ONCE = { w: 1, journal: false };

@Injectable()
export class AuditRepository {
  private readonly entries;

  constructor(
    @Inject(MONGO) connection: Connection,
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
  ) {
    this.entries = connection.collection<AuditEntry>('audit_entries');
  }

  /** In the memory of the primary when it returns; see `AuditTrail` for why that is enough. */
  async insert(entries: readonly AuditEntry[]): Promise<void> {
    await this.entries.insertMany([...entries], { ordered: false, writeConcern: AT_ONCE });
  }

  async setOutcomes(outcomes: readonly Outcome[]): Promise<void> {
    if (!(await this.complete(outcomes))) await this.bringAgain(outcomes);
  }

  /** Nearly always all entries are there, and most outcomes are alike: those go into one statement. Says whether that was all. */
  private async complete(outcomes: readonly Outcome[]): Promise<boolean> {
    const alike = Map.groupBy(outcomes, ({ status, subject }) => JSON.stringify({ status, subject }));
    const updates = [...alike.values()].map((some) => ({
      updateMany: {
        filter: { _id: { $in: some.map(({ entry }) => entry._id) } },
        update: { $set: { status: some[0]?.status, ...some[0]?.subject } },
      },
    }));
    try {
      const { matchedCount } = await this.entries.bulkWrite(updates, { ordered: false, writeConcern: AT_ONCE });
      return matchedCount === outcomes.length;
    } catch {
      return false; // if there is more to it than a broken connection, the next attempt tells
    }
  }

  private async bringAgain(outcomes: readonly Outcome[]): Promise<void> {
    const updates = outcomes.map(({ entry: { _id, ...entry }, status, subject }) => {
      const $set = { status, ...subject };
      const $setOnInsert = Object.fromEntries(Object.entries(entry).filter(([field]) => !(field in $set)));
      return { updateOne: { filter: { _id }, update: { $set, $setOnInsert }, upsert: true } };
    });
    await this.entries.bulkWrite(updates, { ordered: false, writeConcern: AT_ONCE });
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
