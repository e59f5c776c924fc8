import type { ClientSession, Types } from 'mongoose';
import type { UserId } from '@caregate/identity';
import { archive } from './archives.ts';
import type { ClinicDocument, ClinicianDocument } from './documents.ts';
import type { ClinicModels } from './models.ts';
import { assertUserStays } from './user-endings.ts';

/** How to change clinicians so that the clinic's `admins` stay true: each of these runs in the caller's transaction. */
export interface ClinicianWrites {
  readonly models: ClinicModels;
  readonly session: ClientSession;
}

/** An email as it is stored and compared: two that differ only in case are one (behaviour, "Clinicians"). */
export const normalEmail = (email: string) => email.trim().toLowerCase();

/** A clinician who is a person by now, not an invite of one. */
export type Member = ClinicianDocument & { readonly userId: UserId };

export const isMember = (clinician: ClinicianDocument): clinician is Member => clinician.userId !== undefined;

export const isAdmin = (clinician: ClinicianDocument): clinician is Member =>
  isMember(clinician) && clinician.roles.includes('CLINIC_ADMIN');

/**
 * Takes the clinic's turn: of two transactions that do so at once, one waits and sees what the other did.
 * Whatever decides by looking at several documents of a clinic (last admin, limits) begins with it.
 * Gives the clinic as it is now; undefined when there is none.
 */
export async function takeTurn(
  { models, session }: ClinicianWrites,
  clinicId: Types.ObjectId,
): Promise<ClinicDocument | undefined> {
  const clinic = await models.clinics
    .findOneAndUpdate({ _id: clinicId }, { $inc: { turn: 1 } }, { session, returnDocument: 'after' })
    .lean<ClinicDocument>();
  return clinic ?? undefined;
}

/** Adds a clinician or an invite. A user, an invite or an email that the clinic has already breaks a unique index. */
export async function insertClinician(writes: ClinicianWrites, clinician: ClinicianDocument): Promise<void> {
  if (isMember(clinician)) await assertUserStays(writes, clinician.userId);
  await writes.models.clinicians.collection.insertOne(clinician, { session: writes.session });
  await keepAdmins(writes, clinician);
}

/** Replaces a clinician by their changed self. */
export async function replaceClinician(writes: ClinicianWrites, after: ClinicianDocument): Promise<void> {
  await writes.models.clinicians.collection.replaceOne({ _id: after._id }, after, { session: writes.session });
  await keepAdmins(writes, after);
}

/** Takes a clinician or an invite away and archives that they are gone. Whether the clinic can do without is the caller's question. */
export async function removeClinician(
  writes: ClinicianWrites,
  clinician: ClinicianDocument,
  deletedBy: string,
): Promise<void> {
  const { models, session } = writes;
  const { deletedCount } = await models.clinicians.collection.deleteOne({ _id: clinician._id }, { session });
  if (deletedCount === 0) return;
  await archive(models.clinicianArchives, [clinician], deletedBy, session);
  await keepAdmins(writes, { ...clinician, roles: [] });
}

/** Takes invites of whatever clinics away and archives that they are gone. */
export async function removeInvites(
  { models, session }: ClinicianWrites,
  invites: readonly ClinicianDocument[],
  deletedBy: string,
): Promise<void> {
  if (invites.length === 0) return;
  await models.clinicians.deleteMany({ _id: { $in: invites.map(({ _id }) => _id) } }, { session });
  await archive(models.clinicianArchives, invites, deletedBy, session);
}

/** Says whether somebody else than this user is an admin of the clinic. Only sure after `takeTurn`. */
export async function hasOtherAdmin(
  { models, session }: ClinicianWrites,
  clinicId: Types.ObjectId,
  userId: UserId,
): Promise<boolean> {
  const other = await models.clinicians
    .exists({ clinicId, userId: { $exists: true, $ne: userId }, roles: { $in: ['CLINIC_ADMIN'] } })
    .session(session);
  return other !== null;
}

async function keepAdmins({ models, session }: ClinicianWrites, clinician: ClinicianDocument): Promise<void> {
  const { clinicId, userId } = clinician;
  if (userId === undefined) return;
  const change = isAdmin(clinician) ? { $addToSet: { admins: userId } } : { $pull: { admins: userId } };
  await models.clinics.updateOne({ _id: clinicId }, change, { session });
}
