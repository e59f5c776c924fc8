import { Inject, Injectable } from '@nestjs/common';
import {
  addToCounts,
  CLINIC_MODELS,
  type ClinicDocument,
  type ClinicianDocument,
  type ClinicMergeDocument,
  type ClinicModels,
  newObjectId,
  type PatientTag,
  type Site,
} from '@caregate/clinic-model';
import type { ClientSession, Types } from 'mongoose';
import { DemoPatient } from '../clinics/demo-patient.ts';
import type { GroupPlan, MergeSide, MergingPatient } from './merge-plan.ts';

const LOOKED_AT = { _id: 0, userId: 1, fullName: 1, birthDate: 1, mrn: 1, tags: 1, sites: 1, dataSources: 1 } as const;
/** So many patients go in one command. */
const BATCH = 1_000;

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
      .batchSize(BATCH)
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

  /** Moves all patients of a clinic but these to another, with their tags and sites as they are there. */
  async movePatients(
    source: Types.ObjectId,
    target: ClinicDocument,
    except: readonly string[],
    tags: readonly GroupPlan<PatientTag>[],
    sites: readonly GroupPlan<Site>[],
    session: ClientSession,
  ): Promise<void> {
    await this.models.patients.collection.updateMany(
      { clinicId: source, userId: { $nin: [...except] } },
      [
        {
          $set: {
            clinicId: target._id,
            tags: translated(
              '$tags',
              '$$each',
              tags.map(({ group, into }) => [group._id, into._id]),
            ),
            sites: translated(
              '$sites',
              '$$each._id',
              sites.map(({ group, into }) => [group._id, into]),
            ),
            uniqueMrn: target.mrnSettings?.unique ? { $cond: [{ $gt: ['$mrn', ''] }, '$mrn', '$$REMOVE'] } : '$$REMOVE',
            updatedTime: new Date(),
          },
        },
      ],
      { session },
    );
  }

  /** Gives patients the tags and sites that they have after the merge. */
  async regroup(
    clinicId: Types.ObjectId,
    changed: readonly Pick<MergingPatient, 'userId' | 'tags' | 'sites'>[],
    session: ClientSession,
  ): Promise<void> {
    for (const batch of batches(changed)) {
      await this.models.patients.collection.bulkWrite(
        batch.map(({ userId, tags, sites }) => ({
          updateOne: { filter: { clinicId, userId }, update: { $set: { tags, sites, updatedTime: new Date() } } },
        })),
        { session, ordered: false },
      );
    }
  }

  /** Takes patients away who are in the other clinic too, and leaves their tombstones. */
  async removeMerged(
    clinicId: Types.ObjectId,
    userIds: readonly string[],
    deletedBy: string,
    session: ClientSession,
  ): Promise<void> {
    const { patients, patientTombstones } = this.models;
    for (const batch of batches(userIds)) {
      const which = { clinicId, userId: { $in: batch } };
      const gone = await patients.collection.find(which, { session }).toArray();
      const tombstones = gone.map((document) => ({ _id: newObjectId(), document, deletedTime: new Date(), deletedBy }));
      if (tombstones.length > 0) await patientTombstones.collection.insertMany(tombstones, { session });
      await patients.collection.deleteMany(which, { session });
    }
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

  async keep(merge: ClinicMergeDocument, session: ClientSession): Promise<void> {
    await this.models.clinicMerges.collection.insertOne(merge, { session });
  }
}

/** An expression that replaces each item of a list by what it becomes; items that become nothing are left out. */
function translated(list: string, id: string, pairs: readonly (readonly [Types.ObjectId, unknown])[]) {
  if (pairs.length === 0) return [];
  const branches = pairs.map(([from, to]) => ({ case: { $eq: [id, from] }, then: { $literal: to } }));
  const mapped = { $map: { input: list, as: 'each', in: { $switch: { branches, default: null } } } };
  return { $filter: { input: mapped, as: 'each', cond: { $ne: ['$$each', null] } } };
}

function* batches<T>(list: readonly T[]): Generator<T[]> {
  for (let at = 0; at < list.length; at += BATCH) yield list.slice(at, at + BATCH);
}
