import { Types } from 'mongoose';
import { valueAt } from '../value-at.ts';
import { MOVE_CLAIMS } from './standing.ts';

/** An account and its clinics, deleted ones too. */
export interface AccountScope {
  readonly accountId: string;
  readonly clinicIds: readonly Types.ObjectId[];
}

/** How the documents of a collection belong to accounts. */
export interface Belonging {
  readonly collection: string;
  /** The field that says to whom a document belongs, and what it holds. */
  readonly owner: { readonly field: string; readonly holds: 'account' | 'clinic' | 'clinicText' };
  /** In which order pages are read; with the owner's field before it an index, where the collection can be large. */
  readonly pageBy: string;
  /** Fields that hold users who must exist where the document is. */
  readonly users: readonly string[];
  /** Its documents let the clinic see or look after the users whom they name. */
  readonly opensUsers?: true;
  /** Its documents are found by ids that begin with that of their clinic. */
  readonly idNamesClinic?: true;
  /** The users are nothing of the account any more: none comes along, and those for whom a clinic had made an account leave with it. */
  readonly ofDeleted?: true;
  /** Not looked at when both sides are compared: written without regard to the fence, and of no consequence. */
  readonly notCompared?: readonly string[];
  /** Documents that expire by themselves, on each side at its own moment. */
  readonly expires?: true;
  /** Still written where the account was, after it has moved (a read that just ends, an email that is just sent): follows until the purge. */
  readonly late?: true;
}

const ofClinic = { field: 'clinicId', holds: 'clinic' } as const;
const ofAccount = { field: 'accountId', holds: 'account' } as const;

/**
 * All that belongs to an account and moves with it, in the order in which it is brought: clinics first, since the others belong to them.
 * Users come with the documents that name them, and their direct sharing with them. The account itself is no document that is copied:
 * it begins to exist when all else is there.
 */
export const BELONGINGS: readonly Belonging[] = [
  { collection: 'clinics', owner: ofAccount, pageBy: '_id', users: ['admins'] },
  { collection: 'clinics_deletions', owner: ofAccount, pageBy: '_id', users: [], expires: true },
  { collection: 'clinicians', owner: ofClinic, pageBy: '_id', users: ['userId'] },
  { collection: 'patients', owner: ofClinic, pageBy: 'userId', users: ['userId'], opensUsers: true },
  { collection: 'patient_sheets', owner: ofClinic, pageBy: '_id', users: [], idNamesClinic: true },
  { collection: 'patient_invites', owner: ofClinic, pageBy: 'userId', users: ['userId'], opensUsers: true },
  { collection: 'migrations', owner: ofClinic, pageBy: '_id', users: ['userId'], opensUsers: true },
  { collection: 'unused_accounts', owner: ofClinic, pageBy: '_id', users: ['_id'], opensUsers: true },
  { collection: 'clinic_merges', owner: { field: 'targetId', holds: 'clinic' }, pageBy: '_id', users: [] },
  { collection: 'clinicians_deletions', owner: ofClinic, pageBy: '_id', users: [], expires: true },
  {
    collection: 'patients_deletions',
    owner: ofClinic,
    pageBy: '_id',
    users: ['userId'],
    ofDeleted: true,
    expires: true,
  },
  { collection: 'api_keys', owner: ofAccount, pageBy: '_id', users: ['createdBy'], notCompared: ['lastUsedTime'] },
  { collection: 'account_quotas', owner: ofAccount, pageBy: '_id', users: [] },
  { collection: 'idempotency_records', owner: ofAccount, pageBy: '_id', users: [], expires: true },
  { collection: 'audit_entries', owner: ofClinic, pageBy: '_id', users: [], late: true },
  { collection: 'account_audit_entries', owner: ofAccount, pageBy: '_id', users: [], late: true },
  { collection: 'refused_requests', owner: ofClinic, pageBy: '_id', users: [], late: true },
  {
    collection: 'mail_deliveries',
    owner: { field: 'clinicId', holds: 'clinicText' },
    pageBy: '_id',
    users: [],
    late: true,
  },
];

/** What is of the shard or of its users and not of one account, and stays; each with the reason. */
export const STAYING: Readonly<Record<string, string>> = {
  accounts: 'begins to exist when it is activated, and stays behind as the address of where it went',
  [`account_arrivals`]: 'an account on its way here',
  sign_ups: 'an account that nobody has confirmed, which cannot move',
  arrived_users: 'which users a move has brought',
  writers: 'the running copies of this shard’s apps',
  [MOVE_CLAIMS]: 'who works at moves from and to this shard',
  account_usage: 'measured anew where the account is',
  leases: 'which copy of this shard’s apps does what only one is to do',
  user_events: 'what happened to users here, on its way to this shard’s Kafka',
  user_endings: 'for an hour, users whose accounts end or who join a clinic here',
  reactions: 'named by the events of this shard’s change stream, which no other shard sees',
};

/** Users and what is theirs alone: they come along when a document names them, and leave when nothing else here does. */
export const USERS = 'users';
export const SHARING = 'perms';

/** Where a user is a patient, a member, or is about to be: what is removed when their account ends. */
export const RECORDS_OF_USERS: readonly string[] = ['patients', 'clinicians', 'patient_invites'];

export const belongingOf = (collection: string): Belonging | undefined =>
  BELONGINGS.find((belonging) => belonging.collection === collection);

/** The values of the owner's field that mean this account, in order. */
export function ownersIn({ owner }: Belonging, { accountId, clinicIds }: AccountScope): (string | Types.ObjectId)[] {
  if (owner.holds === 'account') return [accountId];
  const texts = clinicIds.map((id) => id.toHexString()).sort();
  if (owner.holds === 'clinicText') return texts;
  const byText = new Map(clinicIds.map((id) => [id.toHexString(), id]));
  return texts.flatMap((text) => byText.get(text) ?? []);
}

/** A filter for the account's documents. */
export function belongingTo(belonging: Belonging, scope: AccountScope): Record<string, unknown> {
  return { [belonging.owner.field]: { $in: ownersIn(belonging, scope) } };
}

/** Whether a document of that collection is the account’s: its owner’s field holds just what the queries for it look for. */
export function belongs(belonging: Belonging, scope: AccountScope, document: object): boolean {
  const { field, holds } = belonging.owner;
  const owner = valueAt(document, field);
  if (holds === 'account') return owner === scope.accountId;
  const isOfKind = holds === 'clinic' ? owner instanceof Types.ObjectId : typeof owner === 'string';
  const text = String(owner);
  if (!isOfKind || !scope.clinicIds.some((id) => id.toHexString() === text)) return false;
  return !belonging.idNamesClinic || String(valueAt(document, '_id')).startsWith(`${text}:`);
}

const CLAIMS: Readonly<Record<string, string>> = { clinics: '_id', clinics_deletions: 'clinicId' };

/** The clinic that a document makes one of its account's, for collections that do so. */
export function clinicClaimedBy({ collection }: Belonging, document: object): Types.ObjectId | undefined {
  const path = CLAIMS[collection];
  const claimed = path === undefined ? undefined : valueAt(document, path);
  return claimed instanceof Types.ObjectId ? claimed : undefined;
}
