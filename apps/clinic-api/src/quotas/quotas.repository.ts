import { Inject, Injectable } from '@nestjs/common';
import { CLINIC_MODELS, type ClinicModels, readCounts } from '@caregate/clinic-model';
import { inTransaction, MONGO } from '@caregate/service';
import type { Connection, Types } from 'mongoose';
import { type Overrides, overridesIn } from './quota-limits.ts';

interface OverridesDocument {
  readonly accountId: string;
  readonly quotas: Overrides;
  readonly updatedTime: Date;
}

/** What an account, or a clinic without one, had when it was last measured. */
export interface Usage {
  /** The account's id, or the clinic's. */
  readonly _id: string;
  readonly clinics: number;
  readonly patients: number;
  readonly bytes: number;
  readonly measuredTime: Date;
}

/** So many patients tell how large a clinic's are. Their user ids are random, so the first by them are any. */
const SAMPLE = 200;

@Injectable()
export class QuotasRepository {
  private readonly overrides;
  private readonly usage;

  constructor(
    @Inject(MONGO) private readonly connection: Connection,
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
  ) {
    this.overrides = connection.collection<OverridesDocument>('account_quotas');
    this.usage = connection.collection<Usage>('account_usage');
  }

  /** Of all accounts for which an operator has set any; those are few. */
  async allOverrides(): Promise<Map<string, Overrides>> {
    const found = await this.overrides.find().toArray();
    return new Map(found.map(({ accountId, quotas }) => [accountId, overridesIn(quotas)]));
  }

  async setOverrides(accountId: string, quotas: Overrides): Promise<void> {
    const update = { $set: { quotas, updatedTime: new Date() } };
    await inTransaction(this.connection, (session) =>
      this.overrides.updateOne({ accountId }, update, { upsert: true, session }),
    );
  }

  async usageOf(id: string): Promise<Usage | undefined> {
    return (await this.usage.findOne({ _id: id })) ?? undefined;
  }

  async keysOf(accountId: string): Promise<number> {
    return this.models.apiKeys.collection.countDocuments({ accountId, ...WORKING_KEY });
  }

  async clinicsOf(accountId: string, most?: number): Promise<number> {
    return this.models.clinics.collection.countDocuments({ accountId }, most === undefined ? {} : { limit: most });
  }

  /** Clinics of no account that a person administers. */
  async clinicsOfAdmin(userId: string, most: number): Promise<number> {
    const memberships = this.models.clinicians.collection.find(
      { userId, roles: 'CLINIC_ADMIN' },
      { projection: { _id: 0, clinicId: 1 } },
    );
    const ids = await memberships.map(({ clinicId }) => clinicId).toArray();
    const filter = { _id: { $in: ids }, accountId: { $exists: false } };
    return this.models.clinics.collection.countDocuments(filter, { limit: most });
  }

  async patientsOf(clinicId: Types.ObjectId): Promise<number> {
    return (await readCounts(this.models, clinicId)).total;
  }

  allClinics() {
    return this.models.clinics.collection.find<{ _id: Types.ObjectId; accountId?: string }>(
      {},
      { projection: { accountId: 1 } },
    );
  }

  /** How much the patients of a clinic take: as many as are counted, each as large as some of them are on average. */
  async measure(clinicId: Types.ObjectId): Promise<{ patients: number; bytes: number }> {
    const [patients, [sample]] = await Promise.all([
      this.patientsOf(clinicId),
      this.models.patients.collection
        .aggregate<{ average: number }>([
          { $match: { clinicId } },
          { $limit: SAMPLE },
          { $group: { _id: null, average: { $avg: { $bsonSize: '$$ROOT' } } } },
        ])
        .toArray(),
    ]);
    return { patients, bytes: Math.round(patients * (sample?.average ?? 0)) };
  }

  /** Keeps what was measured, and forgets whom the measuring did not meet any more. */
  async keepUsage(usage: readonly Usage[], begun: Date): Promise<void> {
    const updates = usage.map((each) => ({
      replaceOne: { filter: { _id: each._id }, replacement: each, upsert: true },
    }));
    if (updates.length > 0) await this.usage.bulkWrite(updates, { ordered: false });
    await this.usage.deleteMany({ measuredTime: { $lt: begun } });
  }
}

/** Of keys that work, without those that others have replaced. */
export const WORKING_KEY = {
  revokedTime: { $exists: false },
  stoppedTime: { $exists: false },
  replacedBy: { $exists: false },
};
