import { Inject } from '@nestjs/common';
import type { Connection } from 'mongoose';

/** Injection token of the connection to the gatekeeper database. */
export const GATEKEEPER = Symbol('GATEKEEPER');
export const InjectGatekeeper = () => Inject(GATEKEEPER);

/** Every index of the gatekeeper database, beside the query that needs it. `_id` serves the replication. */
const INDEXES = {
  perms: [
    { name: 'by_sharer', key: { sharerId: 1, userId: 1 } }, // what one user shares with another; with whom one shares
    { name: 'by_grantee', key: { userId: 1 } }, // who shares with a user
  ],
  patient_permissions: [
    { name: 'by_patient', key: { userId: 1, clinicId: 1 } }, // clinics that a patient shares with
    { name: 'by_clinic', key: { clinicId: 1, userId: 1 } }, // patients of a clinic
  ],
  clinician_permissions: [
    { name: 'by_clinician', key: { userId: 1, clinicId: 1 } }, // clinics that a user works in
    { name: 'by_clinic', key: { clinicId: 1, userId: 1 } }, // who works in a clinic
  ],
} as const;

/** Brings the indexes up to date; can be repeated. */
export async function prepareGatekeeperDatabase(connection: Connection): Promise<void> {
  for (const [collection, indexes] of Object.entries(INDEXES)) {
    await connection
      .collection(collection)
      .createIndexes(indexes.map((index) => ({ ...index, key: { ...index.key } })));
  }
}
