import { Inject, Injectable } from '@nestjs/common';
import {
  addToCounts,
  archive,
  changedOnSheets,
  CLINIC_MODELS,
  type ClinicDocument,
  type ClinicianDocument,
  type ClinicMergeDocument,
  type ClinicModels,
  goneFromSheets,
  type PatientDocument,
  someOnSheets,
  writeGivingWay,
} from '@caregate/clinic-model';
import type { ClientSession, Types, UpdateQuery } from 'mongoose';
import { DemoPatient } from '../clinics/demo-patient.ts';
import type { MergeSide, MergingPatient } from './merge-plan.ts';

const LOOKED_AT = { _id: 0, userId: 1, fullName: 1, birthDate: 1, mrn: 1, tags: 1, sites: 1, dataSources: 1 } as const;

/** A patient as it was and as it is to be. */
export interface Rewritten {
  readonly before: PatientDocument;
  readonly after: Pick<PatientDocument, 'clinicId' | 'tags' | 'sites' | 'uniqueMrn'>;
}

/** What a merge reads and writes of both clinics. */
@Injectable()
export class MergeRepository {
  constructor(
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    private readonly demoPatient: DemoPatient,
  ) {}

  async side(clinic: ClinicDocument, session: ClientSession): Promise<MergeSide> {
    const { models } = this;
    const clinicId = clinic._id;
    const clinicians = await models.clinicians
      .find({ clinicId })
      .sort({ createdTime: 1, _id: 1 })
      .session(session)
      .lean<ClinicianDocument[]>();
    const patients = await models.patients.collection
      .find({ clinicId }, { session, projection: LOOKED_AT })
      .sort({ sortName: 1, _id: 1 })
      .batchSize(1_000)
      .toArray();
    const migrating = await models.migrations.exists({ clinicId, status: { $ne: 'COMPLETED' } }).session(session);
    return {
      clinic,
      clinicians,
      // The projection holds what a merge looks at.
      patients: (patients as unknown as MergingPatient[]).filter(({ userId }) => !this.demoPatient.isDemo(userId)),
      isMigrating: migrating !== null,
    };
  }

  /** How many patients a clinic has, but not beyond what the caller wants to know. */
  async countUpTo(clinicId: Types.ObjectId, most: number, session: ClientSession): Promise<number> {
    const found = await this.models.patients.collection
      .find({ clinicId }, { session, projection: { userId: 1, _id: 0 }, hint: 'patient' })
      .limit(most + 1) // one of them may be the demo patient
      .toArray();
    return Math.min(most, found.filter(({ userId }) => !this.demoPatient.isDemo(String(userId))).length);
  }

  /** Some patients of a clinic, whole, and from few of its sheets; the demo patient is never among them. */
  async some(clinicId: Types.ObjectId, limit: number, session: ClientSession): Promise<PatientDocument[]> {
    const { models } = this;
    const onSheets = await someOnSheets(models, session, clinicId, limit + 1); // one of them may be the demo patient
    // The last ones are found wherever they are.
    const which = onSheets.length > limit ? { _id: { $in: onSheets.slice(0, limit + 1) }, clinicId } : { clinicId };
    const found = await models.patients.collection
      .find(which, { session })
      .limit(limit + 1)
      .toArray();
    return (found as unknown as PatientDocument[]) // what the collection holds
      .filter(({ userId }) => !this.demoPatient.isDemo(userId))
      .slice(0, limit);
  }

  /** Those of these users who are patients of a clinic. */
  async known(
    clinicId: Types.ObjectId,
    userIds: readonly string[],
    session: ClientSession,
  ): Promise<PatientDocument[]> {
    const found = await this.models.patients.collection
      .find({ clinicId, userId: { $in: [...userIds] } }, { session })
      .toArray();
    return found as unknown as PatientDocument[]; // what the collection holds
  }

  async rewrite(patients: readonly Rewritten[], session: ClientSession): Promise<void> {
    if (patients.length === 0) return;
    await this.models.patients.collection.bulkWrite(
      patients.map(({ before: { _id }, after: { uniqueMrn, ...after } }) => ({
        updateOne: {
          filter: { _id },
          update:
            uniqueMrn === undefined
              ? { $set: { ...after, updatedTime: new Date() }, $unset: { uniqueMrn: 1 } }
              : { $set: { ...after, uniqueMrn, updatedTime: new Date() } },
        },
      })),
      { session, ordered: false },
    );
    const leaving = patients.filter(({ before, after }) => !before.clinicId.equals(after.clinicId));
    await writeGivingWay(this.models, session, [
      ...goneFromSheets(leaving.map(({ before }) => before)),
      ...changedOnSheets(
        patients.map(({ before, after }) => ({ ...before, ...after })),
        'all',
      ),
    ]);
  }

  /** Takes patients away who are in the other clinic too, and archives that they are gone. */
  async remove(patients: readonly PatientDocument[], deletedBy: string, session: ClientSession): Promise<void> {
    if (patients.length === 0) return;
    await this.models.patients.collection.deleteMany({ _id: { $in: patients.map(({ _id }) => _id) } }, { session });
    await writeGivingWay(this.models, session, goneFromSheets(patients));
    await archive(this.models.patientArchives, patients, deletedBy, session);
  }

  /** Open invites of patients to a clinic become invites to the other, unless it has the patient or their invite already. */
  async moveInvites(source: Types.ObjectId, target: Types.ObjectId, session: ClientSession): Promise<void> {
    const { patientInvites, patients } = this.models;
    const userIds = await patientInvites.distinct('userId', { clinicId: source }).session(session);
    const there = { clinicId: target, userId: { $in: userIds } };
    const known = [
      ...(await patients.distinct('userId', there).session(session)),
      ...(await patientInvites.distinct('userId', there).session(session)),
    ];
    await patientInvites.updateMany(
      { clinicId: source, userId: { $nin: known } },
      { $set: { clinicId: target } },
      { session },
    );
  }

  count(clinicId: Types.ObjectId, delta: Record<string, number>, session: ClientSession): Promise<void> {
    return addToCounts(this.models, session, clinicId, delta);
  }

  /** The merge under way that any of these clinics takes part in. */
  async moving(clinicIds: readonly Types.ObjectId[], session: ClientSession): Promise<ClinicMergeDocument | undefined> {
    const either = [{ sourceId: { $in: [...clinicIds] } }, { targetId: { $in: [...clinicIds] } }];
    const found = await this.models.clinicMerges
      .findOne({ state: 'moving', $or: either })
      .session(session)
      .lean<ClinicMergeDocument>();
    return found ?? undefined;
  }

  async begin(merge: ClinicMergeDocument, session: ClientSession): Promise<void> {
    await this.models.clinicMerges.collection.insertOne(merge, { session });
  }

  async note(
    { _id }: ClinicMergeDocument,
    change: UpdateQuery<ClinicMergeDocument>,
    session: ClientSession,
  ): Promise<void> {
    await this.models.clinicMerges.updateOne({ _id }, change, { session });
  }

  async isDone({ _id }: ClinicMergeDocument): Promise<boolean> {
    return (await this.models.clinicMerges.exists({ _id, state: 'done' })) !== null;
  }
}
