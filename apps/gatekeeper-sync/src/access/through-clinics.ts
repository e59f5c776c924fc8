import type { Permissions, UserId } from '@caregate/identity';
import type { ClientSession, Collection, mongo } from 'mongoose';
import type { ClinicsServedHere } from './clinics-served-here.ts';

interface PatientRow {
  readonly userId: string;
  readonly clinicId: mongo.ObjectId;
  readonly permissions?: Permissions;
}

interface ClinicianRow {
  readonly userId?: string;
  readonly clinicId: mongo.ObjectId;
}

/** Patients and clinicians, as the clinic database has them or as copies. */
export interface ClinicRows {
  readonly patients: Collection<PatientRow>;
  readonly clinicians: Collection<ClinicianRow>;
}

/** What each clinic has that the patient shares with and the grantee works in. */
export async function throughClinics(
  { patients, clinicians }: ClinicRows,
  served: ClinicsServedHere,
  { userId, granteeId }: { readonly userId: UserId; readonly granteeId: UserId },
  session?: ClientSession,
): Promise<Permissions[]> {
  const options = session ? { session } : {};
  const shared = await patients
    .find({ userId }, { ...options, projection: { _id: 0, clinicId: 1, permissions: 1 } })
    .toArray();
  const rows = await served.only(shared);
  if (rows.length === 0) return [];
  const clinicIds = rows.map(({ clinicId }) => clinicId);
  const workplaces = await clinicians
    .find({ userId: granteeId, clinicId: { $in: clinicIds } }, { ...options, projection: { _id: 0, clinicId: 1 } })
    .toArray();
  const worksIn = new Set(workplaces.map(({ clinicId }) => clinicId.toHexString()));
  return rows.filter(({ clinicId }) => worksIn.has(clinicId.toHexString())).map(({ permissions = {} }) => permissions);
}
