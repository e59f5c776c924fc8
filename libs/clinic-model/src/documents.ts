import type { UserId } from '@caregate/identity';
import type { Types } from 'mongoose';
import type { AccountId } from './ids.ts';
import type { Arrived, Fence, Moved } from './moves/standing.ts';

type ObjectId = Types.ObjectId;

/** A label that a clinic puts on its patients; how many carry it is in the counts. */
export interface PatientTag {
  readonly _id: ObjectId;
  readonly name: string;
}

/** A place of the clinic; patients carry a copy of the name. */
export interface Site {
  readonly _id: ObjectId;
  readonly name: string;
}

export interface PhoneNumber {
  readonly type?: string;
  readonly number: string;
}

export interface MrnSettings {
  readonly required: boolean;
  readonly unique: boolean;
}

export interface PatientCountLimit {
  readonly plan: number;
  readonly startDate?: Date;
  readonly endDate?: Date;
}

export interface PatientCountSettings {
  readonly hardLimit?: PatientCountLimit;
  readonly softLimit?: PatientCountLimit;
}

export interface MembershipRestriction {
  readonly emailDomain: string;
  readonly requiredIdp?: string;
}

export interface ClinicDocument {
  readonly _id: ObjectId;
  /** The account that holds the clinic; none for clients that know no accounts (design, decision 10). */
  readonly accountId?: AccountId;
  readonly name: string;
  readonly address?: string;
  readonly city?: string;
  readonly postalCode?: string;
  readonly state?: string;
  readonly country?: string;
  readonly phoneNumbers?: readonly PhoneNumber[];
  readonly clinicType?: string;
  readonly clinicSize?: string;
  readonly website?: string;
  readonly timezone?: string;
  readonly preferredBgUnits: string;
  /** All codes that lead here: the clinic's own and those of clinics merged into it. */
  readonly shareCodes: readonly string[];
  readonly canonicalShareCode: string;
  readonly tier: string;
  readonly isMigrated: boolean;
  /** User ids of the admins, kept for readers that only see this document. */
  readonly admins: readonly UserId[];
  readonly patientTags: readonly PatientTag[];
  readonly lastDeletedPatientTag?: PatientTag;
  readonly sites: readonly Site[];
  readonly suppressedNotifications?: { readonly patientClinicInvitation?: boolean };
  readonly mrnSettings?: MrnSettings;
  /** While MRNs are about to be unique, see `guardsMrns`. */
  readonly guardsMrns?: boolean;
  readonly ehrSettings?: Readonly<Record<string, unknown>>;
  readonly patientCountSettings?: PatientCountSettings;
  readonly membershipRestrictions?: readonly MembershipRestriction[];
  /** Raised by whatever must not happen twice at once in this clinic (last admin, limits), so that such transactions conflict. */
  readonly turn?: number;
  /** New whenever all writers of patients were held back (`holdPatientWrites`), as what they must know of the clinic may have changed. */
  readonly patientsHeld?: ObjectId;
  readonly createdTime: Date;
  readonly updatedTime: Date;
}

export type ClinicianRole = 'CLINIC_ADMIN' | 'CLINIC_MEMBER' | 'PRESCRIBER';

export interface RolesUpdate {
  /** By it the worker knows which it has told; those of before have none (`identified`). */
  readonly id?: string;
  readonly roles: readonly ClinicianRole[];
  readonly updatedBy: string;
  readonly time: Date;
}

/** A member of a clinic, or an invite to become one: then it has `inviteId` and no `userId`. */
export interface ClinicianDocument {
  readonly _id: ObjectId;
  readonly clinicId: ObjectId;
  readonly userId?: UserId;
  readonly inviteId?: string;
  /** Who invited; only invites made here have it, those of other services are theirs to send and to answer. */
  readonly invitedBy?: UserId;
  /** When the invite was last to be mailed; the worker mails when it changes. */
  readonly inviteSentTime?: Date;
  readonly email?: string;
  readonly name?: string;
  readonly roles: readonly ClinicianRole[];
  readonly rolesUpdates: readonly RolesUpdate[];
  readonly isServiceAccount?: boolean;
  readonly createdTime: Date;
  readonly updatedTime: Date;
}

export type Permission = 'custodian' | 'view' | 'upload' | 'note';
export type PatientPermissions = Partial<Record<Permission, Record<string, never>>>;

export interface DataSource {
  readonly dataSourceId?: ObjectId;
  readonly providerName: string;
  readonly state: string;
  readonly modifiedTime?: Date;
  readonly expirationTime?: Date;
  readonly latestDataTime?: Date;
}

export interface PatientReview {
  readonly clinicianId: string;
  readonly time: Date;
}

export interface ConnectionRequest {
  readonly providerName: string;
  readonly createdTime: Date;
}

/** The site as patients carry it. */
export interface PatientSite {
  readonly _id: ObjectId;
  readonly name: string;
}

export interface PatientDocument {
  readonly _id: ObjectId;
  readonly clinicId: ObjectId;
  readonly userId: UserId;
  readonly fullName: string;
  /** `YYYY-MM-DD`. */
  readonly birthDate: string;
  readonly email?: string;
  readonly mrn?: string;
  /** A copy of `mrn` while the clinic demands that MRNs are unique: a unique index guards it. */
  readonly uniqueMrn?: string;
  readonly permissions: PatientPermissions;
  readonly isMigrated?: boolean;
  readonly legacyClinicianIds?: readonly UserId[];
  readonly attestationSubmitted?: boolean;
  readonly invitedBy?: string;
  readonly tags: readonly ObjectId[];
  readonly sites: readonly PatientSite[];
  readonly targetDevices?: readonly string[];
  readonly dataSources?: readonly DataSource[];
  readonly connectionRequests?: Readonly<Record<string, readonly ConnectionRequest[]>>;
  readonly lastUploadReminderTime?: Date;
  readonly summary?: Readonly<Record<string, unknown>>;
  readonly reviews?: readonly PatientReview[];
  readonly glycemicRanges?: Readonly<Record<string, unknown>>;
  readonly diagnosisType?: string;
  /** The name folded for sorting without regard to case. */
  readonly sortName: string;
  /** Name, email, MRN and birth date folded and joined: what a search looks through. */
  readonly searchText: string;
  readonly createdTime: Date;
  readonly updatedTime: Date;
}

/** A sheet of a clinic's patients: what lists filter and sort by, column by column (`sheets.ts`). */
export interface SheetDocument {
  /** Clinic, part and number, see `sheets.ts`. */
  readonly _id: string;
  readonly clinicId: ObjectId;
  /** By column, then by the patient's id in hex. */
  readonly [column: string]: unknown;
}

export type MigrationStatus = 'PENDING' | 'RUNNING' | 'COMPLETED';

/** The move of a legacy clinic account's patients into a clinic. */
export interface MigrationDocument {
  readonly _id: ObjectId;
  readonly clinicId: ObjectId;
  readonly userId: UserId;
  readonly status: MigrationStatus;
  readonly attestationTime?: Date;
  /** Kept by the worker while it carries the migration out. */
  readonly progress?: MigrationProgress;
  readonly createdTime: Date;
  readonly updatedTime: Date;
}

/** How far a migration has come: patients done and skipped, of all that shared with the legacy account. Lists hold the newest 1 000. */
export interface MigrationProgress {
  readonly total: number;
  readonly done: number;
  readonly skipped: readonly { readonly userId: UserId; readonly reason: string }[];
  /** How many were skipped, by the reason, and how many are incomplete; the lists hold the newest only. */
  readonly reasons?: Readonly<Record<string, number>>;
  readonly incompleteCount?: number;
  /** Of those who are done, whose values were missing or left out since the contract refuses them. */
  readonly incomplete?: readonly { readonly userId: UserId; readonly fields: readonly string[] }[];
}

/** A patient's offer to share with a clinic, until the clinic accepts or dismisses it. */
export interface PatientInviteDocument {
  readonly _id: ObjectId;
  readonly clinicId: ObjectId;
  readonly userId: UserId;
  readonly permissions: PatientPermissions;
  readonly createdTime: Date;
  readonly expiresTime?: Date;
}

/** A user account that a clinic made for a patient who could not be written then; the next attempt with the email takes it. */
export interface UnusedAccountDocument {
  readonly _id: UserId;
  readonly clinicId: ObjectId;
  readonly email: string;
  /** Since when the account is being ended, as nobody has taken it for long. */
  readonly endingTime?: Date;
  readonly createdTime: Date;
}

/** One clinic becoming part of another: what it goes by while it lasts, and what is known of it later. Holds no person's data. */
export interface ClinicMergeDocument {
  readonly _id: ObjectId;
  readonly sourceId: ObjectId;
  readonly targetId: ObjectId;
  /** `moving` until every patient of the source is in the target and the source is gone. */
  readonly state: 'moving' | 'done';
  /** Which tag of the target a tag of the source is; sites keep their ids. */
  readonly tags: readonly { readonly from: ObjectId; readonly to: ObjectId }[];
  readonly clinicians: readonly { readonly userId: string; readonly action: string }[];
  /** Patients who are in the target now, and of them those who were in both. */
  readonly patients: number;
  readonly merged: number;
  readonly mergedBy: string;
  readonly createdTime: Date;
  readonly doneTime?: Date;
}

/** One of a clinic's stripes of counts; the sum over its stripes is the figure (design, decision 3). */
export interface ClinicCountsDocument {
  /** `<clinicId>:counts:<stripe>`, beside the sheets. */
  readonly _id: string;
  readonly clinicId: ObjectId;
  /** Raised to meet other transactions that write patients of the clinic. */
  readonly turn?: number;
  /** As `patientsHeld` of the clinic: by it a writer sees that the clinic is still as it was read. */
  readonly held?: ObjectId;
  /** Transactions that write patients of the clinic give way until then. */
  readonly waitUntil?: Date;
  readonly total?: number;
  readonly demo?: number;
  readonly plan?: number;
  readonly tags?: Readonly<Record<string, number>>;
  readonly sites?: Readonly<Record<string, number>>;
  readonly providers?: Readonly<
    Record<string, { readonly total?: number; readonly states?: Readonly<Record<string, number>> }>
  >;
}

/**
 * What remains of a deleted clinic, clinician or patient: ids, when it went and who did it, and nothing that anybody said of a person.
 * Gone after `DELETIONS_KEPT_DAYS`.
 */
export interface ArchiveDocument {
  readonly _id: ObjectId;
  /** The document that was deleted. */
  readonly documentId: ObjectId;
  /** Of a deleted clinic, the clinic itself. */
  readonly clinicId: ObjectId;
  /** Of a clinic. */
  readonly accountId?: AccountId;
  /** Of a patient or a clinician. */
  readonly userId?: UserId;
  /** Of a patient whom the clinic looked after: the user account ends too when nobody needs it, or, with data, loses its email. */
  readonly custodial?: 'with data' | 'without data';
  readonly deletedTime: Date;
  readonly deletedBy: string;
}

/**
 * Where the end of a user's account and whatever makes the user a member or a patient meet: both write it in their transactions,
 * so that one of the two comes first. Gone after an hour.
 */
export interface UserEndingDocument {
  readonly _id: UserId;
  readonly state?: 'ending' | 'ended';
  readonly turn: number;
  readonly time: Date;
}

/** A practice on this shard; its directory record says where it lives, this one what it is. */
export interface AccountDocument {
  readonly _id: AccountId;
  readonly subdomain: string;
  readonly name: string;
  readonly ownerUserId: UserId;
  /** While it is about to move to another shard, and when it has. */
  readonly fence?: Fence;
  readonly moved?: Moved;
  /** When it came here from another shard. */
  readonly arrived?: Arrived;
  /** Changes whenever it is fenced, freed, moved or activated; each copy of each app says when it has followed. */
  readonly notice?: string;
  /** How many there have been. */
  readonly notices?: number;
  /** Raised by what deletes the account's remains, by what brings it back and by what makes its keys, so that these never cross. */
  readonly turn?: number;
  /** Since when the user who owned it is no more: nobody makes keys of it until it has another owner. */
  readonly ownerDeletedTime?: Date;
  readonly createdTime: Date;
  readonly updatedTime: Date;
}

/** Whose deletion stopped a key. */
export type KeyStopper = 'owner' | 'maker';

/** An account that somebody signed up and nobody has confirmed by the mailed link. It becomes an account, or goes by itself. */
export interface SignUpDocument {
  readonly _id: AccountId;
  readonly subdomain: string;
  readonly name: string;
  readonly owner: { readonly email: string; readonly fullName: string; readonly passwordHash?: string };
  readonly createdTime: Date;
  readonly expiresTime: Date;
}

export interface ApiKeyDocument {
  readonly _id: string;
  readonly accountId: AccountId;
  readonly name: string;
  /** SHA-256 of the secret, in hex: 256 random bits need no slow hash. */
  readonly secretHash: string;
  readonly last4: string;
  readonly createdBy: UserId;
  readonly createdTime: Date;
  readonly lastUsedTime?: Date;
  readonly revokedTime?: Date;
  /** The account's owner or who made the key was deleted: it is refused for good. */
  readonly stoppedTime?: Date;
  readonly stoppedBy?: KeyStopper;
  /** Of a key that a new secret has replaced: the key that has it, and until when the old one works beside it. */
  readonly replacedBy?: string;
  readonly expiresTime?: Date;
}
