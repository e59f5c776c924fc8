import {
  assertUserStays,
  brokenPatientRule,
  changePatient,
  CLINIC_MODELS,
  type ClinicDocument,
  type ClinicModels,
  findPatient,
  insertPatient,
  uniqueMrnIn,
  type MigrationDocument,
  type MigrationProgress,
  newObjectId,
  type PatientDocument,
  type PatientWrites,
  searchFields,
  type UserId,
} from '@caregate/clinic-model';
import { CONFIG, inTransaction, MONGO } from '@caregate/service';
import { Inject, Injectable } from '@nestjs/common';
import type { Connection, Types } from 'mongoose';
import type { ClinicWorkerConfig } from '../config.ts';

/** What is known of somebody who becomes a patient. */
export type Newcomer = Pick<PatientDocument, 'userId' | 'fullName' | 'birthDate' | 'permissions'> &
  Partial<Pick<PatientDocument, 'email' | 'mrn' | 'targetDevices'>>;

/** Storage of migrations and of the patients that they bring. */
@Injectable()
export class MigrantsRepository {
  constructor(
    @Inject(MONGO) private readonly connection: Connection,
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    @Inject(CONFIG) private readonly config: ClinicWorkerConfig,
  ) {}

  migration(_id: Types.ObjectId): Promise<MigrationDocument | null> {
    return this.models.migrations.findOne({ _id }).lean<MigrationDocument>();
  }

  clinic(_id: Types.ObjectId): Promise<ClinicDocument | null> {
    return this.models.clinics.findOne({ _id }).lean<ClinicDocument>();
  }

  async note(_id: Types.ObjectId, status: MigrationDocument['status'], progress: MigrationProgress): Promise<void> {
    const update = { $set: { status, progress, updatedTime: new Date() } };
    await inTransaction(this.connection, (session) =>
      this.models.migrations.collection.updateOne({ _id }, update, { session }),
    );
  }

  /** Makes a patient of the clinic, or notes on one who is there already that they come from this clinician too. */
  async admit(
    clinic: ClinicDocument,
    newcomer: Newcomer,
    legacyClinicianId: UserId,
  ): Promise<'admitted' | 'known already' | 'mrn taken'> {
    try {
      return await inTransaction(this.connection, async (session) => {
        const writes: PatientWrites = {
          models: this.models,
          session,
          isDemo: (id) => id === this.config.DEMO_PATIENT_USER_ID,
        };
        const there = await findPatient(this.models, clinic._id, newcomer.userId, session);
        if (!there) {
          await assertUserStays(writes, newcomer.userId);
          await insertPatient(writes, newPatient(clinic, newcomer, legacyClinicianId));
          return 'admitted';
        }
        const legacyClinicianIds = [...new Set([...(there.legacyClinicianIds ?? []), legacyClinicianId])];
        if (legacyClinicianIds.length !== there.legacyClinicianIds?.length)
          await changePatient(writes, there, { legacyClinicianIds, updatedTime: new Date() });
        return 'known already';
      });
    } catch (error) {
      const rule = brokenPatientRule(error);
      if (rule === 'sameMrn') return 'mrn taken';
      if (rule === 'samePatient') return this.admit(clinic, newcomer, legacyClinicianId); // somebody was a moment faster
      throw error;
    }
  }
}

function newPatient(clinic: ClinicDocument, newcomer: Newcomer, legacyClinicianId: UserId): PatientDocument {
  const now = new Date();
  return {
    ...{ _id: newObjectId(), clinicId: clinic._id, ...newcomer, ...searchFields(newcomer) },
    ...uniqueMrnIn(clinic, newcomer.mrn),
    ...{
      isMigrated: true,
      legacyClinicianIds: [legacyClinicianId],
      tags: [],
      sites: [],
      createdTime: now,
      updatedTime: now,
    },
  };
}
