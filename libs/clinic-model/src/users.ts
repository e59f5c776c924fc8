import { inTransaction } from '@caregate/service';
import type { UserId } from '@caregate/identity';
import type { Connection, Types } from 'mongoose';
import { type ClinicianWrites, normalEmail, removeClinician, replaceClinician, takeTurn } from './clinicians.ts';
import type { ClinicianDocument, PatientDocument } from './documents.ts';
import type { ClinicModels } from './models.ts';
import { type PatientWrites, removePatient, replacePatient } from './patients.ts';
import { searchFields } from './search-text.ts';

/** Where a user's records are, in all clinics of the shard. */
export interface UserRecords {
  readonly connection: Connection;
  readonly models: ClinicModels;
  readonly isDemo: (userId: string) => boolean;
}

export interface UserRemoval {
  readonly patients: number;
  readonly clinicians: number;
}

export interface EmailUpdate {
  readonly patients: number;
  readonly clinicians: number;
  /** Clinics (24 hex digits) in which another clinician has the new email, so that this user's record keeps the old one. */
  readonly refusedBy: readonly string[];
}

// So many patients of an orphaned clinic go in one transaction: small enough for MongoDB's limits and for others to get their turn.
const ORPHANS_AT_ONCE = 50;

/**
 * Removes a user's patient and clinician records from every clinic of the shard, one transaction for each record, with tombstones.
 * A clinic may lose its last admin by this. One that loses its last clinician loses its patients that are not custodial too:
 * they shared their data with people who are all gone (behaviour, "Clinicians"; as the public service does).
 * Can be repeated: after a crash it goes on where it stopped.
 */
export async function removeUserFromClinics(
  records: UserRecords,
  userId: UserId,
  deletedBy: string,
): Promise<UserRemoval> {
  const { models } = records;
  await models.patientInvites.deleteMany({ userId });
  const patients = await forEachRecord(models.patients.find({ userId }, { _id: 1 }), (_id) =>
    removePatientRecord(records, _id, deletedBy),
  );
  const clinicians = await forEachRecord(models.clinicians.find({ userId }, { _id: 1 }), (_id) =>
    removeMembership(records, _id, deletedBy),
  );
  return { patients, clinicians };
}

/**
 * Gives a user's patient and clinician records their new email, one transaction for each record. Can be repeated.
 * A user who has no email any more is one without on patient records; a clinician keeps the last.
 * An open invite of the same clinic to the new email goes: whom it invited is a member already.
 */
export async function updateUserEmail(
  records: UserRecords,
  userId: UserId,
  email: string | undefined,
  updatedBy: string,
): Promise<EmailUpdate> {
  const { models } = records;
  const wanted = email === undefined ? undefined : normalEmail(email);
  const another = wanted === undefined ? { $exists: true } : { $ne: wanted };
  const patients = await forEachRecord(models.patients.find({ userId, email: another }, { _id: 1 }), (_id) =>
    updatePatientEmail(records, _id, wanted),
  );
  if (wanted === undefined) return { patients, clinicians: 0, refusedBy: [] };
  const refusedBy: string[] = [];
  const clinicians = await forEachRecord(
    models.clinicians.find({ userId, email: { $exists: true, $ne: wanted } }, { _id: 1 }),
    async (_id) => {
      const refused = await updateClinicianEmail(records, _id, wanted, updatedBy);
      if (refused) refusedBy.push(refused);
    },
  );
  return { patients, clinicians: clinicians - refusedBy.length, refusedBy };
}

/** Goes through records by id, one after the other, however many there are. */
async function forEachRecord(
  query: { lean(): { cursor(): AsyncIterable<unknown> } },
  work: (_id: Types.ObjectId) => Promise<void>,
): Promise<number> {
  let done = 0;
  for await (const found of query.lean().cursor()) {
    await work((found as { _id: Types.ObjectId })._id); // the projection of the queries above
    done++;
  }
  return done;
}

function removePatientRecord(
  { connection, models, isDemo }: UserRecords,
  _id: Types.ObjectId,
  deletedBy: string,
): Promise<void> {
  return inTransaction(connection, async (session) => {
    const patient = await models.patients.findOne({ _id }).session(session).lean<PatientDocument>();
    if (patient) await removePatient({ models, session, isDemo }, patient, deletedBy);
  });
}

async function removeMembership(records: UserRecords, _id: Types.ObjectId, deletedBy: string): Promise<void> {
  const { connection, models, isDemo } = records;
  for (let gone = false; !gone;) {
    gone = await inTransaction(connection, async (session) => {
      const clinician = await models.clinicians.findOne({ _id }).session(session).lean<ClinicianDocument>();
      if (!clinician) return true;
      await takeTurn({ models, session }, clinician.clinicId); // nobody joins while the clinic is emptied
      const orphans = (await hasOthers({ models, session }, clinician))
        ? []
        : await somePatientsNotCustodial({ models, session }, clinician.clinicId);
      for (const orphan of orphans)
        await removePatient({ models, session, isDemo } satisfies PatientWrites, orphan, deletedBy);
      if (orphans.length === ORPHANS_AT_ONCE) return false;
      await removeClinician({ models, session }, clinician, deletedBy);
      return true;
    });
  }
}

async function hasOthers({ models, session }: ClinicianWrites, { _id, clinicId }: ClinicianDocument): Promise<boolean> {
  return (await models.clinicians.exists({ clinicId, _id: { $ne: _id } }).session(session)) !== null;
}

function somePatientsNotCustodial(
  { models, session }: ClinicianWrites,
  clinicId: Types.ObjectId,
): Promise<PatientDocument[]> {
  return models.patients
    .find({ clinicId, 'permissions.custodian': { $exists: false } })
    .limit(ORPHANS_AT_ONCE)
    .session(session)
    .lean<PatientDocument[]>();
}

function updatePatientEmail(
  { connection, models, isDemo }: UserRecords,
  _id: Types.ObjectId,
  email: string | undefined,
): Promise<void> {
  return inTransaction(connection, async (session) => {
    const before = await models.patients.findOne({ _id }).session(session).lean<PatientDocument>();
    if (!before || before.email === email) return;
    const { email: _before, ...rest } = before;
    const changed = email === undefined ? rest : { ...rest, email };
    await replacePatient({ models, session, isDemo }, before, {
      ...changed,
      ...searchFields(changed),
      updatedTime: new Date(),
    });
  });
}

/** Gives the clinic that refuses the email, if it does. */
function updateClinicianEmail(
  { connection, models }: UserRecords,
  _id: Types.ObjectId,
  email: string | undefined,
  updatedBy: string,
): Promise<string | undefined> {
  return inTransaction(connection, async (session) => {
    const writes = { models, session };
    const before = await models.clinicians.findOne({ _id }).session(session).lean<ClinicianDocument>();
    if (!before || before.email === email) return undefined;
    const holder = await models.clinicians
      .findOne({ clinicId: before.clinicId, email })
      .session(session)
      .lean<ClinicianDocument>();
    if (holder?.userId !== undefined) return before.clinicId.toHexString();
    if (holder) await removeClinician(writes, holder, updatedBy);
    await replaceClinician(writes, { ...before, email, updatedTime: new Date() });
    return undefined;
  });
}
