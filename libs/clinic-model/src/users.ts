import { inTransaction, isDuplicateKey } from '@caregate/service/transaction';
import type { UserId } from '@caregate/identity';
import type { Connection, Types } from 'mongoose';
import { type ClinicianWrites, normalEmail, removeClinician, removeInvites, takeTurn } from './clinicians.ts';
import type { ClinicianDocument, PatientDocument } from './documents.ts';
import { hasStandIn, nameOrStandIn } from './known-elsewhere.ts';
import type { ClinicModels } from './models.ts';
import { type PatientWrites, removePatient, replacePatients } from './patients.ts';
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

// Records that change in one transaction: a user of a thousand clinics takes a few transactions, and none holds up a clinic for long.
const CHANGED_AT_ONCE = 100;
// Removals that go on at the same time, each in a transaction of its own: each may empty a clinic.
const REMOVED_AT_ONCE = 8;
// Somebody else gets the email in a clinic at the very moment; that can go on as long as people do so.
const ATTEMPTS = 5;
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
  const { connection, models } = records;
  await inTransaction(connection, (session) => models.patientInvites.deleteMany({ userId }, { session }));
  const patients = await forEachRecord(models.patients.find({ userId }, { _id: 1 }), (_id) =>
    removePatientRecord(records, _id, deletedBy),
  );
  const clinicians = await forEachRecord(models.clinicians.find({ userId }, { _id: 1 }), (_id) =>
    removeMembership(records, _id, deletedBy),
  );
  return { patients, clinicians };
}

/**
 * Gives a user's patient and clinician records their new email, many in one transaction. Can be repeated.
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
  let [patients, clinicians] = [0, 0];
  const refusedBy: string[] = [];
  for (const ids of chunks(await idsOf(models.patients.find({ userId, email: another }, { _id: 1 })), CHANGED_AT_ONCE))
    patients += await updatePatientEmails(records, ids, wanted);
  if (wanted === undefined) return { patients, clinicians, refusedBy };
  const others = models.clinicians.find({ userId, email: { $exists: true, $ne: wanted } }, { _id: 1 });
  for (const ids of chunks(await idsOf(others), CHANGED_AT_ONCE)) {
    const update = await updateClinicianEmails(records, ids, wanted, updatedBy);
    clinicians += update.changed;
    refusedBy.push(...update.refusedBy);
  }
  return { patients, clinicians, refusedBy };
}

/** Goes through records, several at the same time, however many there are. */
async function forEachRecord(
  query: { lean(): PromiseLike<unknown> },
  work: (_id: Types.ObjectId) => Promise<void>,
): Promise<number> {
  const ids = await idsOf(query);
  const left = ids.values();
  await Promise.all(
    Array.from({ length: REMOVED_AT_ONCE }, async () => {
      for (const _id of left) await work(_id);
    }),
  );
  return ids.length;
}

const idsOf = async (query: { lean(): PromiseLike<unknown> }) =>
  ((await query.lean()) as { _id: Types.ObjectId }[]).map(({ _id }) => _id); // the projection of the queries above

const chunks = <T>(all: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, n) => all.slice(n * size, (n + 1) * size));

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

/** Gives how many have another email now. */
function updatePatientEmails(
  { connection, models, isDemo }: UserRecords,
  ids: readonly Types.ObjectId[],
  email: string | undefined,
): Promise<number> {
  return inTransaction(connection, async (session) => {
    const found = await models.patients
      .find({ _id: { $in: ids } })
      .session(session)
      .lean<PatientDocument[]>();
    const changes = found
      .filter((before) => before.email !== email)
      .map((before) => {
        const { email: _before, ...rest } = before;
        const called = hasStandIn(before)
          ? nameOrStandIn({ ...(email !== undefined && { email }) }, before.userId)
          : {};
        const changed = { ...rest, ...called, ...(email !== undefined && { email }) };
        return { before, after: { ...changed, ...searchFields(changed), updatedTime: new Date() } };
      });
    await replacePatients({ models, session, isDemo }, changes);
    return changes.length;
  });
}

interface ClinicianEmails {
  readonly changed: number;
  /** Clinics that refuse the email. */
  readonly refusedBy: readonly string[];
}

async function updateClinicianEmails(
  { connection, models }: UserRecords,
  ids: readonly Types.ObjectId[],
  email: string,
  updatedBy: string,
): Promise<ClinicianEmails> {
  const work = () =>
    inTransaction(connection, async (session): Promise<ClinicianEmails> => {
      const find = (filter: object) => models.clinicians.find(filter).session(session).lean<ClinicianDocument[]>();
      const members = (await find({ _id: { $in: ids } })).filter((member) => member.email !== email);
      const holders = await find({ clinicId: { $in: members.map(({ clinicId }) => clinicId) }, email });
      const taken = new Set(
        holders.filter(({ userId }) => userId !== undefined).map(({ clinicId }) => clinicId.toHexString()),
      );
      const refusing = members.filter(({ clinicId }) => taken.has(clinicId.toHexString()));
      const _id = { $in: members.filter((member) => !refusing.includes(member)).map((member) => member._id) };
      const invites = holders.filter(({ userId }) => userId === undefined);
      await removeInvites({ models, session }, invites, updatedBy);
      await models.clinicians.updateMany({ _id }, { $set: { email, updatedTime: new Date() } }, { session });
      return {
        changed: members.length - refusing.length,
        refusedBy: refusing.map(({ clinicId }) => clinicId.toHexString()),
      };
    });
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!isDuplicateKey(error) || attempt === ATTEMPTS) throw error;
    }
  }
}
