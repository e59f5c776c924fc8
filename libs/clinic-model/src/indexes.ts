import type { mongo } from 'mongoose';
import { DELETIONS_KEPT_DAYS, ENDED_KEPT_DAYS } from './archives.ts';
import { PERIODS } from './periods.ts';
import { ENDINGS_KEPT_SECONDS } from './user-endings.ts';

const OF_USER: mongo.IndexDescription = {
  name: 'of_user',
  key: { userId: 1 },
  partialFilterExpression: { userId: { $exists: true } },
};

const OF_ARCHIVES: readonly mongo.IndexDescription[] = [
  { name: 'expiry', key: { deletedTime: 1 }, expireAfterSeconds: DELETIONS_KEPT_DAYS * 86_400 },
  {
    name: 'of_earlier_versions',
    key: { 'document._id': 1 },
    partialFilterExpression: { 'document._id': { $exists: true } },
  },
];

/** Every index of the shard's clinic database, beside the query that needs it. */
export const INDEXES: Readonly<Record<string, readonly mongo.IndexDescription[]>> = {
  clinics: [
    { name: 'by_share_code', key: { shareCodes: 1 }, unique: true }, // find by share code; no two clinics share one
    { name: 'by_created', key: { createdTime: 1, _id: 1 } }, // list of all clinics in order, and by time of creation
    { name: 'by_account', key: { accountId: 1 }, partialFilterExpression: { accountId: { $exists: true } } }, // clinics of an API key
    {
      name: 'by_ehr',
      key: { 'ehrSettings.enabled': 1, createdTime: 1, _id: 1 },
      partialFilterExpression: { 'ehrSettings.enabled': { $exists: true } },
    }, // list of clinics with a hospital record
  ],
  clinicians: [
    {
      name: 'member',
      key: { clinicId: 1, userId: 1 },
      unique: true,
      partialFilterExpression: { userId: { $exists: true } },
    }, // roles of a caller; no member twice
    {
      name: 'invite',
      key: { clinicId: 1, inviteId: 1 },
      unique: true,
      partialFilterExpression: { inviteId: { $exists: true } },
    },
    {
      name: 'email',
      key: { clinicId: 1, email: 1 },
      unique: true,
      partialFilterExpression: { email: { $exists: true } },
    }, // one email, one clinician of a clinic
    { name: 'newest', key: { clinicId: 1, createdTime: -1, _id: -1 } }, // list of a clinic's clinicians
    { name: 'by_user', key: { userId: 1, createdTime: 1 } }, // memberships of a user
    { name: 'by_invite_email', key: { email: 1 }, partialFilterExpression: { inviteId: { $exists: true } } }, // open invites of a user
    { name: 'all', key: { createdTime: 1, _id: 1 } }, // list of all clinicians
  ],
  // As few as can be: in a transaction MongoDB 6 looks up the description of each at every write, and it describes all of them each time.
  patients: [
    { name: 'patient', key: { clinicId: 1, userId: 1 }, unique: true }, // one patient of a clinic
    { name: 'in_name_order', key: { clinicId: 1, sortName: 1, _id: 1 } }, // the list in name order
    { name: 'by_birth_date', key: { clinicId: 1, birthDate: 1, _id: 1 } }, // the list in order of birth date; find over clinics
    { name: 'by_tag', key: { clinicId: 1, tags: 1, sortName: 1, _id: 1 } }, // the list of a tag, in name order
    { name: 'by_site', key: { clinicId: 1, 'sites._id': 1, sortName: 1, _id: 1 } }, // the list of a site, in name order
    { name: 'by_mrn', key: { mrn: 1, clinicId: 1 }, partialFilterExpression: { mrn: { $exists: true } } }, // find over clinics; another patient with this MRN
    {
      name: 'unique_mrn',
      key: { clinicId: 1, uniqueMrn: 1 },
      unique: true,
      partialFilterExpression: { uniqueMrn: { $exists: true } },
    },
    { name: 'by_user', key: { userId: 1, createdTime: 1 } }, // clinics of a patient
    {
      name: 'by_cgm_summary',
      key: { 'summary.cgmStats.id': 1 },
      partialFilterExpression: { 'summary.cgmStats.id': { $exists: true } },
    }, // delete a summary
    {
      name: 'by_bgm_summary',
      key: { 'summary.bgmStats.id': 1 },
      partialFilterExpression: { 'summary.bgmStats.id': { $exists: true } },
    },
  ],
  patient_sheets: [{ name: 'by_clinic', key: { clinicId: 1, _id: 1 } }], // they and the counts move and go with the clinic; both are read by id
  migrations: [
    { name: 'one_of_account', key: { userId: 1 }, unique: true }, // a legacy account migrates once
    { name: 'by_clinic', key: { clinicId: 1, createdTime: 1 } }, // list of a clinic's migrations
  ],
  patient_invites: [
    { name: 'one_each', key: { clinicId: 1, userId: 1 }, unique: true }, // list of a clinic; one open invite of a patient
    { name: 'by_user', key: { userId: 1 } },
  ],
  clinic_merges: [
    { name: 'expiry', key: { doneTime: 1 }, expireAfterSeconds: ENDED_KEPT_DAYS * 86_400 },
    { name: 'by_target', key: { targetId: 1, createdTime: 1 } }, // what a clinic was made of
    // a clinic takes part in one merge at a time
    { name: 'moving_from', key: { sourceId: 1 }, unique: true, partialFilterExpression: { state: 'moving' } },
    { name: 'moving_into', key: { targetId: 1 }, unique: true, partialFilterExpression: { state: 'moving' } },
  ],
  clinics_deletions: [
    { name: 'of_account', key: { accountId: 1 }, partialFilterExpression: { accountId: { $exists: true } } }, // all clinics of an account that moves
    ...OF_ARCHIVES,
  ],
  clinicians_deletions: [
    { name: 'of_clinic', key: { clinicId: 1 } }, // they move with the account
    OF_USER, // where a deleted user was
    ...OF_ARCHIVES,
  ],
  patients_deletions: [{ name: 'of_clinic', key: { clinicId: 1 } }, OF_USER, ...OF_ARCHIVES], // whether a clinic looked after a user
  user_endings: [{ name: 'expiry', key: { time: 1 }, expireAfterSeconds: ENDINGS_KEPT_SECONDS }],
  accounts: [
    { name: 'by_subdomain', key: { subdomain: 1 }, unique: true },
    { name: 'by_owner', key: { ownerUserId: 1, createdTime: 1 } }, // account of a user who creates a clinic
    { name: 'by_notice', key: { notice: 1 }, partialFilterExpression: { notice: { $exists: true } } }, // accounts that ever moved or were about to: what a copy must know of at start
    { name: 'drained', key: { 'fence.drained': 1 }, partialFilterExpression: { 'fence.drained': true } }, // whether any account is about to move
    { name: 'by_moved_key', key: { 'moved.keys': 1 }, partialFilterExpression: { 'moved.moveId': { $exists: true } } }, // where the account of a key went
    {
      name: 'by_moved_clinic',
      key: { 'moved.clinics': 1 },
      partialFilterExpression: { 'moved.moveId': { $exists: true } },
    }, // where a clinic went
  ],
  sign_ups: [
    { name: 'subdomain', key: { subdomain: 1 }, unique: true },
    { name: 'expired', key: { expiresTime: 1 }, expireAfterSeconds: 0 }, // what nobody confirmed goes
  ],
  api_keys: [
    { name: 'expiry', key: { revokedTime: 1 }, expireAfterSeconds: ENDED_KEPT_DAYS * 86_400 },
    { name: 'by_secret', key: { secretHash: 1 }, unique: true }, // who is calling
    { name: 'by_account', key: { accountId: 1, createdTime: 1 } },
    { name: 'by_maker', key: { createdBy: 1 } }, // what stops when a user is deleted
  ],
  audit_entries: [
    { name: 'by_clinic', key: { clinicId: 1, _id: -1 } }, // who did what in a clinic, newest first; they move with the account
    { name: 'by_patient', key: { patientId: 1, _id: -1 }, partialFilterExpression: { patientId: { $exists: true } } }, // the same for one patient
    {
      name: 'who_became_clinician',
      key: { clinicId: 1, _id: 1 },
      partialFilterExpression: {
        operationId: { $in: ['InviteClinician', 'UpdateClinician', 'AcceptClinicianInvite'] },
      },
    }, // admins whom keys have made
  ],
  account_audit_entries: [{ name: 'by_account', key: { accountId: 1, _id: -1 } }], // who did what with an account; they move with it
  refused_requests: [
    { name: 'by_clinic', key: { clinicId: 1, day: -1 } }, // a clinic's days, newest first
    { name: 'by_day', key: { day: 1 } }, // what is too old
  ],
  leases: [],
  account_quotas: [{ name: 'by_account', key: { accountId: 1 }, unique: true }], // read whole; set by account
  account_usage: [{ name: 'by_time', key: { measuredTime: 1 } }], // what was not met any more
  idempotency_records: [
    { name: 'expiry', key: { expiresTime: 1 }, expireAfterSeconds: 0 }, // gone after a day
    { name: 'by_account', key: { accountId: 1 }, partialFilterExpression: { accountId: { $exists: true } } }, // they move with the account
  ],
  account_arrivals: [],
  arrived_users: [{ name: 'by_user', key: { userId: 1 } }], // whether a user is just on the way here
  writers: [],
  move_claims: [{ name: 'expiry', key: { time: 1 }, expireAfterSeconds: 90 * 86_400 }], // longer than a move lasts
};

/** Indexes that no query needs any longer; dropped where a shard still has them. */
export const RETIRED_INDEXES: Readonly<Record<string, readonly string[]>> = {
  clinics_deletions: ['by_account'],
  clinicians_deletions: ['by_clinic'],
  patients_deletions: ['by_clinic'],
  patients: [
    ...['by_name', 'by_age', 'search', 'by_last_review', 'by_last_data', 'cgm_last_data', 'bgm_last_data'],
    ...PERIODS.flatMap((period) => [`cgm_${period}`, `bgm_${period}`, `tide_${period}`]),
  ],
};
