import { Inject, Injectable } from '@nestjs/common';
import {
  ACCOUNT_AUDIT_ENTRIES,
  type AccountId,
  AUDIT_ENTRIES,
  type AuditEntry,
  type AuditSubject,
  CLINIC_MODELS,
  type ClinicModels,
  lowestEntryId,
  objectId,
  REFUSED_REQUESTS,
  type RefusedRequestsDocument,
} from '@caregate/clinic-model';
import type { UserId } from '@caregate/identity';
import { MONGO } from '@caregate/service';
import type { Connection, mongo, Types } from 'mongoose';

export interface Outcome {
  readonly entry: AuditEntry;
  readonly status: number;
  /** What the request turned out to be about. */
  readonly subject: AuditSubject;
}

export interface AuditPage {
  readonly from?: Date;
  readonly until?: Date;
  /** Only what is older than this entry. */
  readonly after?: Types.ObjectId;
}

export interface AuditFilter extends AuditPage {
  readonly clinicId: string;
  readonly patientId?: UserId;
}

const AT_ONCE = { w: 1, journal: false };

@Injectable()
export class AuditRepository {
  private readonly entries;
  private readonly ofAccounts;
  private readonly refused;

  constructor(
    @Inject(MONGO) connection: Connection,
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
  ) {
    this.entries = connection.collection<AuditEntry>(AUDIT_ENTRIES);
    this.ofAccounts = connection.collection<AuditEntry>(ACCOUNT_AUDIT_ENTRIES);
    this.refused = connection.collection<RefusedRequestsDocument>(REFUSED_REQUESTS);
  }

  /** In the memory of the primary when it returns; see `AuditTrail` for why that is enough. */
  async insert(entries: readonly AuditEntry[]): Promise<void> {
    const insert = (collection: typeof this.entries, some: AuditEntry[]) =>
      some.length > 0 && collection.insertMany(some, { ordered: false, writeConcern: AT_ONCE });
    await Promise.all([
      insert(this.entries, entries.filter(isOfClinics)),
      insert(
        this.ofAccounts,
        entries.filter((entry) => !isOfClinics(entry)),
      ),
    ]);
  }

  async setOutcomes(outcomes: readonly Outcome[]): Promise<void> {
    const ofClinics = outcomes.filter(({ entry }) => isOfClinics(entry));
    const ofAccounts = outcomes.filter(({ entry }) => !isOfClinics(entry));
    await Promise.all([this.setIn(this.entries, ofClinics), this.setIn(this.ofAccounts, ofAccounts)]);
  }

  private async setIn(collection: typeof this.entries, outcomes: readonly Outcome[]): Promise<void> {
    if (outcomes.length === 0 || (await this.complete(collection, outcomes))) return;
    await this.bringAgain(collection, outcomes);
  }

  /** Nearly always all entries are there, and most outcomes are alike: those go into one statement. Says whether that was all. */
  private async complete(collection: typeof this.entries, outcomes: readonly Outcome[]): Promise<boolean> {
    const alike = Map.groupBy(outcomes, ({ status, subject }) => JSON.stringify({ status, subject }));
    const updates = [...alike.values()].map((some) => ({
      updateMany: {
        filter: { _id: { $in: some.map(({ entry }) => entry._id) } },
        update: { $set: { status: some[0]?.status, ...some[0]?.subject } },
      },
    }));
    try {
      const { matchedCount } = await collection.bulkWrite(updates, { ordered: false, writeConcern: AT_ONCE });
      return matchedCount === outcomes.length;
    } catch {
      return false; // if there is more to it than a broken connection, the next attempt tells
    }
  }

  private async bringAgain(collection: typeof this.entries, outcomes: readonly Outcome[]): Promise<void> {
    const updates = outcomes.map(({ entry: { _id, ...entry }, status, subject }) => {
      const $set = { status, ...subject };
      const $setOnInsert = Object.fromEntries(Object.entries(entry).filter(([field]) => !(field in $set)));
      return { updateOne: { filter: { _id }, update: { $set, $setOnInsert }, upsert: true } };
    });
    await collection.bulkWrite(updates, { ordered: false, writeConcern: AT_ONCE });
  }

  /** Newest first. */
  async list({ clinicId, patientId, ...page }: AuditFilter, limit: number): Promise<AuditEntry[]> {
    const filter = { $and: [await this.ofClinic(clinicId, patientId), ...within(page)] };
    return this.entries.find(filter).sort({ _id: -1 }).limit(limit).toArray();
  }

  /** Newest first. */
  listOfAccount(accountId: string, page: AuditPage, limit: number): Promise<AuditEntry[]> {
    return this.ofAccounts
      .find({ $and: [{ accountId }, ...within(page)] })
      .sort({ _id: -1 })
      .limit(limit)
      .toArray();
  }

  /** Whether a clinic is the account's, or was when it was deleted. */
  async wasOf(accountId: AccountId, clinicIdText: string): Promise<boolean> {
    const clinicId = objectId(clinicIdText);
    const [there, deleted] = await Promise.all([
      this.models.clinics.exists({ _id: clinicId, accountId }),
      this.models.clinicArchives.exists({ accountId, clinicId }),
    ]);
    return there !== null || deleted !== null;
  }

  /** How many requests of strangers the clinic refused, newest day first. */
  refusedBy(clinicId: string, { from, until }: AuditPage, days: number): Promise<RefusedRequestsDocument[]> {
    const day = { ...(from && { $gte: dayOf(from) }), ...(until && { $lte: dayOf(until) }) };
    return this.refused
      .find({ clinicId: objectId(clinicId), ...(Object.keys(day).length > 0 && { day }) })
      .sort({ day: -1 })
      .limit(days)
      .toArray();
  }

  /** Adds to what clinics refused; of clinics that do not exist nothing is kept. */
  async addRefused(refused: readonly RefusedRequestsDocument[]): Promise<void> {
    const wanted = { _id: { $in: refused.map(({ clinicId }) => clinicId) } };
    const there = new Set((await this.models.clinics.distinct('_id', wanted)).map(String));
    const updates = refused
      .filter(({ clinicId }) => there.has(clinicId.toHexString()))
      .map(({ _id, clinicId, day, requests, lastTime }) => ({
        updateOne: {
          filter: { _id },
          update: { $inc: { requests }, $max: { lastTime }, $setOnInsert: { clinicId, day } },
          upsert: true,
        },
      }));
    if (updates.length > 0) await this.refused.bulkWrite(updates, { ordered: false });
  }

  /** Deletes some of what is older than this moment; says how many. */
  async deleteSomeBefore(time: Date, most: number): Promise<number> {
    let deleted = 0;
    for (const collection of [this.entries, this.ofAccounts]) {
      const old = await collection
        .find({ _id: { $lt: lowestEntryId(time) } }, { projection: { _id: 1 } })
        .sort({ _id: 1 })
        .limit(most)
        .toArray();
      if (old.length === 0) continue;
      deleted += (await collection.deleteMany({ _id: { $in: old.map(({ _id }) => _id) } })).deletedCount;
    }
    await this.refused.deleteMany({ day: { $lt: dayOf(time) } });
    return deleted;
  }

  /** What services do to a patient in all clinics at once (data sources, summaries) is shown to each clinic of the patient that asks for this patient. */
  private async ofClinic(clinicIdText: string, patientId: UserId | undefined): Promise<mongo.Filter<AuditEntry>> {
    const clinicId = objectId(clinicIdText);
    if (patientId === undefined) return { clinicId };
    if (!(await this.models.patients.exists({ clinicId, userId: patientId }))) return { clinicId, patientId };
    return { patientId, $or: [{ clinicId }, { clinicId: { $exists: false }, 'caller.kind': 'service' }] };
  }
}

const isOfClinics = ({ accountId }: AuditEntry) => accountId === undefined;

export const dayOf = (time: Date) => new Date(Math.max(0, time.getTime())).toISOString().slice(0, 10);

function within({ from, until, after }: AuditPage): mongo.Filter<AuditEntry>[] {
  const _id = { ...(from && { $gte: lowestEntryId(from) }), ...(until && { $lt: lowestEntryId(until) }) };
  return [...(Object.keys(_id).length > 0 ? [{ _id }] : []), ...(after ? [{ _id: { $lt: after } }] : [])];
}
