import type { ClinicDocument, ClinicianDocument } from '@caregate/clinic-model';
import { mayJoin } from './membership-restrictions.ts';

/** An invite that was made here: only these have a view as a confirmation. */
export type OwnInvite = ClinicianDocument & Required<Pick<ClinicianDocument, 'inviteId' | 'invitedBy' | 'email'>>;

export const isOwnInvite = (clinician: ClinicianDocument): clinician is OwnInvite =>
  clinician.inviteId !== undefined && clinician.invitedBy !== undefined && clinician.email !== undefined;

/** An invite as clients of the public confirmation service know it. */
export function confirmationView(invite: OwnInvite, clinic: ClinicDocument, inviterName: string | undefined) {
  const { inviteId, email, clinicId, invitedBy, createdTime, updatedTime } = invite;
  return {
    key: inviteId,
    type: 'clinician_invitation',
    status: 'pending',
    email,
    clinicId: clinicId.toHexString(),
    creatorId: invitedBy,
    creator: { userid: invitedBy, profile: { fullName: inviterName ?? '', patient: {} } },
    created: createdTime,
    modified: updatedTime,
    restrictions: mayJoin(clinic, email),
  };
}
