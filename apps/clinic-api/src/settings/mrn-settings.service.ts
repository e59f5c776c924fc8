import { Inject, Injectable } from '@nestjs/common';
import { brokenPatientRule, CLINIC_MODELS, type ClinicModels, type MrnSettings } from '@caregate/clinic-model';
import { inTransaction, MONGO, NotFound, Unprocessable } from '@caregate/service';
import type { ClientSession, Connection, Types } from 'mongoose';
import { ClinicsRepository, idOf } from '../clinics/clinics.repository.ts';

/** Patients are large, and MongoDB keeps what a transaction writes in memory. */
const AT_ONCE = 200;

/** Whether patients of a clinic must have an MRN, and whether no two may have the same. */
@Injectable()
export class MrnSettingsService {
  constructor(
    @Inject(MONGO) private readonly connection: Connection,
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    private readonly clinics: ClinicsRepository,
  ) {}

  async get(clinicId: string): Promise<MrnSettings> {
    const { mrnSettings } = await this.clinics.get(clinicId);
    if (!mrnSettings) throw new NotFound('the clinic has no rules for medical record numbers: not found');
    return mrnSettings;
  }

  /**
   * Uniqueness reaches the patients who are there already. From the first step on whoever writes a patient guards the MRN; then those who
   * are there come under guard, some at a time; and when all are, it is the rule. After a crash the same request goes on where it stopped.
   * @throws {Unprocessable} when patients share an MRN: none of them could say which is right
   */
  async update(clinicIdText: string, { required, unique }: MrnSettings): Promise<MrnSettings> {
    const clinicId = idOf(clinicIdText);
    const mrnSettings = { required, unique };
    const isGuarded = await this.clinics.alone(clinicIdText, async ({ mrnSettings: before }, session) => {
      const isNew = unique && !before?.unique;
      if (isNew) await this.assertUnshared(clinicId, session);
      const change = isNew
        ? { $set: { guardsMrns: true } }
        : { $set: { mrnSettings }, ...(!unique && { $unset: { guardsMrns: 1 } }) };
      await this.clinics.update(clinicIdText, change, session);
      return !isNew;
    });
    if (!isGuarded) {
      await this.guardAll(clinicId);
      await this.clinics.alone(clinicIdText, (_, session) =>
        this.clinics.update(clinicIdText, { $set: { mrnSettings }, $unset: { guardsMrns: 1 } }, session),
      );
    }
    // A guard that is left behind by a crash hinders nobody: two must have it to be in each other's way.
    if (!unique) await this.forEach(clinicId, { uniqueMrn: { $exists: true } }, () => ({ $unset: { uniqueMrn: 1 } }));
    return mrnSettings;
  }

  private async guardAll(clinicId: Types.ObjectId): Promise<void> {
    try {
      const unguarded = { mrn: { $gt: '' }, uniqueMrn: { $exists: false } };
      await this.forEach(clinicId, unguarded, (mrn) => ({ $set: { uniqueMrn: mrn } }));
    } catch (error) {
      if (brokenPatientRule(error) !== 'sameMrn') throw error;
      // Somebody was given an MRN that another has, just before the first step.
      await this.update(clinicId.toHexString(), { ...(await this.now(clinicId)), unique: false });
      throw shared(1);
    }
  }

  private async now(clinicId: Types.ObjectId): Promise<MrnSettings> {
    return (await this.clinics.get(clinicId.toHexString())).mrnSettings ?? { required: false, unique: false };
  }

  /** Changes some patients of a clinic after the others. */
  private async forEach(clinicId: Types.ObjectId, which: object, changeOf: ChangeOf): Promise<void> {
    let after: string | undefined = '';
    while (after !== undefined) after = await this.changeSome(clinicId, { userId: { $gt: after }, ...which }, changeOf);
  }

  /** Gives the user after whom it goes on. */
  private changeSome(clinicId: Types.ObjectId, which: object, changeOf: ChangeOf): Promise<string | undefined> {
    const { collection } = this.models.patients;
    return inTransaction(this.connection, async (session) => {
      const some = await collection
        .find({ clinicId, ...which }, { session, projection: { userId: 1, mrn: 1 }, hint: 'patient' })
        .sort({ userId: 1 })
        .limit(AT_ONCE)
        .toArray();
      const changes = some.map(({ _id, mrn }) => ({ updateOne: { filter: { _id }, update: changeOf(String(mrn)) } }));
      if (changes.length > 0) await collection.bulkWrite(changes, { session });
      return some.length < AT_ONCE ? undefined : String(some.at(-1)?.['userId']);
    });
  }

  private async assertUnshared(clinicId: Types.ObjectId, session: ClientSession): Promise<void> {
    const [found] = await this.models.patients.collection
      .aggregate<{ shared: number }>(
        [
          { $match: { clinicId, mrn: { $gt: '' } } },
          { $group: { _id: '$mrn', patients: { $sum: 1 } } },
          { $match: { patients: { $gt: 1 } } },
          { $count: 'shared' },
        ],
        { session },
      )
      .toArray();
    if (found) throw shared(found.shared);
  }
}

type ChangeOf = (mrn: string) => object;

const shared = (count: number) =>
  new Unprocessable(
    `constraint violation: ${count} medical record numbers belong to several patients of the clinic; make them different first`,
  );
