import {
  isObjectIdText,
  knownElsewhere,
  knownName,
  objectId,
  type PatientInviteDocument,
} from '@caregate/clinic-model';
import type { ClinicSchemas } from '@caregate/contracts';
import type { Profile } from '@caregate/identity';
import type { Types } from 'mongoose';
import { permissionsView } from '../patients/patient.view.ts';
import { wireTime } from '../patients/wire-time.ts';

// Clients of the public confirmation service expect keys of this length.
const KEY_LENGTH = 32;
const ID_LENGTH = 24;

/** The key by which clients call an invite. */
export const keyOf = ({ _id }: Pick<PatientInviteDocument, '_id'>) => _id.toHexString().padStart(KEY_LENGTH, '0');

/** The id behind a key; undefined for what is no key. */
export function idOfKey(key: string): Types.ObjectId | undefined {
  const text = key.slice(-ID_LENGTH);
  return isObjectIdText(text) && text.padStart(KEY_LENGTH, '0') === key ? objectId(text) : undefined;
}

/** An offer to share, with whose it is, as clients of the public confirmation service know it. */
export function patientInviteView(invite: PatientInviteDocument, profile?: Profile): ClinicSchemas['PatientInvite'] {
  const { birthDate: birthday } = knownElsewhere({}, profile);
  return {
    key: keyOf(invite),
    type: 'careteam_invitation',
    status: 'pending',
    clinicId: invite.clinicId.toHexString(),
    creatorId: invite.userId,
    creator: {
      userid: invite.userId,
      profile: { fullName: knownName(profile?.fullName) ?? '', patient: { ...(birthday && { birthday }) } },
    },
    context: permissionsView(invite.permissions),
    created: wireTime(invite.createdTime),
    modified: wireTime(invite.createdTime),
    restrictions: { canAccept: true },
  };
}
