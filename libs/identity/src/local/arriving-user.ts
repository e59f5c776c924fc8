import { isPasswordHash } from '../passwords.ts';
import { emailKey, type UserRecord } from './users.repository.ts';

/** What a program of a service is on one shard it is on no other: whoever brings it would open that shard. */
const NOT_BROUGHT: ReadonlySet<string> = new Set(['service_account']);

/** A user whom a move brings here, made of what another shard tells and of no field that it may not tell. */
export function arrivingUser(_id: UserRecord['_id'], told: Readonly<Record<string, unknown>>): UserRecord {
  const { email, passwordHash, roles, profile, custodianClinicId, sessionEpoch, createdTime, updatedTime } = told;
  return {
    _id,
    ...(typeof email === 'string' && { email, emailKey: emailKey(email) }),
    emailVerified: told['emailVerified'] === true,
    ...(typeof passwordHash === 'string' && isPasswordHash(passwordHash) && { passwordHash }),
    roles: Array.isArray(roles) ? roles.filter((role) => typeof role === 'string' && !NOT_BROUGHT.has(role)) : [],
    ...(typeof profile === 'object' && profile !== null && { profile: profile as NonNullable<UserRecord['profile']> }), // shown to people only
    ...(typeof custodianClinicId === 'string' && { custodianClinicId }),
    sessionEpoch: Number(sessionEpoch) || 0,
    createdTime: createdTime instanceof Date ? createdTime : new Date(),
    updatedTime: updatedTime instanceof Date ? updatedTime : new Date(),
  };
}

/** The same where another user of this shard has that email: both stay apart, and this one signs in by it too (`byEmailAlso`). */
export function sharingEmail({ emailKey: key, ...user }: UserRecord): UserRecord {
  return { ...user, emailVerified: false, ...(key !== undefined && { sharedEmailKey: key }) };
}
