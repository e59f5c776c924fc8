import type { ClientSession } from 'mongoose';
import { addToCounts, countsDelta } from './counts.ts';
import type { PatientDocument } from './documents.ts';
import { newObjectId } from './ids.ts';
import type { ClinicModels } from './models.ts';

/** How to change patients so that counts stay true: each of these runs in the caller's transaction. */
export interface PatientWrites {
  readonly models: ClinicModels;
  readonly session: ClientSession;
  readonly isDemo: (userId: string) => boolean;
}

/** Adds a patient and counts it. A second one of the same user in the clinic breaks the unique index `patient`. */
export async function insertPatient({ models, session, isDemo }: PatientWrites, patient: PatientDocument): Promise<void> {
  await models.patients.collection.insertOne(patient, { session });
  await addToCounts(models, session, patient.clinicId, countsDelta(undefined, patient, isDemo));
}

/** Replaces a patient by its changed self and counts the difference. */
export async function replacePatient(
  { models, session, isDemo }: PatientWrites,
  before: PatientDocument,
  after: PatientDocument,
): Promise<void> {
  await models.patients.collection.replaceOne({ _id: before._id }, after, { session });
  await addToCounts(models, session, before.clinicId, {
    ...countsDelta(before, after, isDemo),
    // So that it meets `holdPatientWrites` of who turns the uniqueness of MRNs on or off at this moment.
    ...(before.mrn !== after.mrn && { turn: 1 }),
  });
}

/** Takes a patient away, counts it out, and leaves its tombstone. */
export async function removePatient(
  { models, session, isDemo }: PatientWrites,
  patient: PatientDocument,
  deletedBy: string,
): Promise<void> {
  const { deletedCount } = await models.patients.collection.deleteOne({ _id: patient._id }, { session });
  if (deletedCount === 0) return;
  await models.patientTombstones.collection.insertOne(
    { _id: newObjectId(), document: patient, deletedTime: new Date(), deletedBy },
    { session },
  );
  await addToCounts(models, session, patient.clinicId, countsDelta(patient, undefined, isDemo));
}
