import { Inject, Injectable } from '@nestjs/common';
import {
  changeAsKnown,
  CLINIC_MODELS,
  type ClinicDocument,
  type ClinicModels,
  findPatient,
  type PatientAsKnown,
  type PatientDocument,
  type PatientReview,
  type PatientWrites,
  type PlainChange,
  refreshSheets,
  type UserId,
  WITHOUT_SEARCH_FIELDS,
} from '@caregate/clinic-model';
import { inTransaction, MONGO, NotFound } from '@caregate/service';
import type { ClientSession, Connection, Types } from 'mongoose';
import { concernsClinics } from '../audit/concerns.ts';
import { DemoPatient } from '../clinics/demo-patient.ts';
import { SharedReads } from '../shared-reads.ts';
import type { StoredStats } from './summaries.ts';
import { ServedClinics } from '../served-clinics.ts';

type ObjectId = Types.ObjectId;

/** What a clinic decides about its patients. */
export type ClinicRules = Pick<
  ClinicDocument,
  '_id' | 'country' | 'tier' | 'mrnSettings' | 'guardsMrns' | 'patientCountSettings' | 'sites' | 'patientsHeld'
>;
const RULES = {
  ...{ country: 1, tier: 1, mrnSettings: 1, guardsMrns: 1, patientCountSettings: 1, sites: 1, patientsHeld: 1 },
} as const;

const KEPT_REVIEWS = 2;

@Injectable()
export class PatientsRepository {
  private readonly rules = new SharedReads<ClinicRules>();

  constructor(
    @Inject(MONGO) private readonly connection: Connection,
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    private readonly demoPatient: DemoPatient,
    private readonly served: ServedClinics,
  ) {}

  async get(clinicId: ObjectId, userId: string): Promise<PatientDocument | undefined> {
    const found = await this.patients.findOne({ clinicId, userId }, { projection: WITHOUT_SEARCH_FIELDS });
    return (found as PatientDocument | null) ?? undefined; // without fields that no reader of one patient uses
  }

  /**
   * The rules as they are now, or as a transaction sees them: whoever changes them for all patients can not come in between then.
   * @throws {NotFound} when there is no such clinic
   */
  rulesOf(clinicId: ObjectId, session?: ClientSession): Promise<ClinicRules> {
    return session
      ? this.readRules(clinicId, session)
      : this.rules.read(clinicId.toHexString(), () => this.readRules(clinicId));
  }

  private async readRules(clinicId: ObjectId, session?: ClientSession): Promise<ClinicRules> {
    const found = await this.models.clinics.collection.findOne(
      { _id: clinicId },
      { projection: RULES, ...(session && { session }) },
    );
    if (!found) throw new NotFound('clinic not found');
    return found as unknown as ClinicRules; // what the projection takes of the clinic
  }

  /** Runs changes of patients that come about together or not at all, and counts with them. */
  change<T>(work: (writes: PatientWrites) => Promise<T>): Promise<T> {
    return inTransaction(this.connection, (session) =>
      work({ models: this.models, session, isDemo: this.demoPatient.isDemo }),
    );
  }

  /** Changes plain fields of a patient who is as known; undefined when there is none like that. */
  changeAsKnown(known: PatientAsKnown, change: PlainChange): Promise<PatientDocument | undefined> {
    return this.change((writes) => changeAsKnown(writes, known, change));
  }

  /** As `change`, for one patient as it is now; undefined when there is none. */
  changeOne<T>(
    clinicId: ObjectId,
    userId: string,
    work: (patient: PatientDocument, writes: PatientWrites) => Promise<T>,
  ): Promise<T | undefined> {
    return this.change(async (writes) => {
      const patient = await findPatient(this.models, clinicId, userId, writes.session);
      return patient && work(patient, writes);
    });
  }

  /** Whether another patient of the clinic has this MRN. */
  async hasMrn(
    clinicId: ObjectId,
    mrn: string,
    exceptUserId: string | undefined,
    session?: ClientSession,
  ): Promise<boolean> {
    const found = await this.patients.findOne(
      { clinicId, mrn, ...(exceptUserId !== undefined && { userId: { $ne: exceptUserId } }) },
      { projection: { _id: 1 }, hint: 'by_mrn', ...(session && { session }) },
    );
    return found !== null;
  }

  /** Clinics in which a user is a patient, by their records. */
  async recordsOf(userId: UserId): Promise<readonly { readonly clinicId: ObjectId }[]> {
    const filter = { userId, ...(await this.served.only()) };
    return this.models.patients.find(filter, { _id: 0, clinicId: 1 }).lean<{ clinicId: ObjectId }[]>();
  }

  // What follows changes nothing that is counted.

  /** Newest first, and no more than are kept. Gives the reviews as they are then; undefined when there is no such patient. */
  async addReview(
    clinicId: ObjectId,
    userId: string,
    review: PatientReview,
  ): Promise<readonly PatientReview[] | undefined> {
    const $push = { reviews: { $each: [review], $position: 0, $slice: KEPT_REVIEWS } };
    return this.reviewsAfter({ clinicId, userId }, { $push });
  }

  /** Undefined when the newest review is not this clinician's, or there is no such patient. */
  async takeBackReview(
    clinicId: ObjectId,
    userId: string,
    clinicianId: string,
  ): Promise<readonly PatientReview[] | undefined> {
    return this.reviewsAfter({ clinicId, userId, 'reviews.0.clinicianId': clinicianId }, { $pop: { reviews: -1 } });
  }

  async noteUploadReminder(clinicId: ObjectId, userId: string, moment: Date): Promise<PatientDocument | undefined> {
    const found = await inTransaction(this.connection, (session) =>
      this.patients.findOneAndUpdate(
        { clinicId, userId },
        { $set: { lastUploadReminderTime: moment, updatedTime: moment } },
        { returnDocument: 'after', projection: WITHOUT_SEARCH_FIELDS, session },
      ),
    );
    return (found as PatientDocument | null) ?? undefined; // as in `get`
  }

  /** Sets a user's summary in all clinics; says whether that changed anything. */
  async setSummary(userId: UserId, $set: Readonly<Record<string, StoredStats>>): Promise<boolean> {
    const filter = { userId, ...(await this.served.only()) };
    return inTransaction(this.connection, async (session) => {
      const { modifiedCount } = await this.patients.updateMany(filter, { $set }, { session });
      if (modifiedCount > 0) await refreshSheets(this.models, session, filter, 'all');
      return modifiedCount > 0;
    });
  }

  /** Takes a summary away wherever it is; says whether it was anywhere. Of which kind it is, its id does not tell. */
  async removeSummary(summaryId: string): Promise<boolean> {
    const served = await this.served.only();
    return inTransaction(this.connection, async (session) => {
      let removed = 0;
      for (const stats of ['summary.cgmStats', 'summary.bgmStats']) {
        const has = { [`${stats}.id`]: summaryId, ...served };
        const found = await this.patients.find(has, { session, projection: { _id: 1, clinicId: 1 } }).toArray();
        if (found.length === 0) continue;
        concernsClinics(found.map(({ clinicId }) => clinicId));
        const _id = { $in: found.map((patient) => patient._id) };
        await this.patients.updateMany({ _id }, { $unset: { [stats]: '' } }, { session });
        await refreshSheets(this.models, session, { _id }, 'all');
        removed += found.length;
      }
      return removed > 0;
    });
  }

  private async reviewsAfter(filter: Record<string, unknown>, update: Record<string, unknown>) {
    const found = await inTransaction(this.connection, async (session) => {
      const changed = await this.patients.findOneAndUpdate(filter, update, {
        returnDocument: 'after',
        projection: { reviews: 1 },
        session,
      });
      if (changed) await refreshSheets(this.models, session, { _id: changed._id }, 'people');
      return changed;
    });
    return (found as Pick<PatientDocument, 'reviews'> | null)?.reviews; // what the projection takes
  }

  private get patients() {
    return this.models.patients.collection;
  }
}
