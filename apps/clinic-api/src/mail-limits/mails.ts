/**
 * Which operation of people and their API keys brings about which emails, by their templates' names. A test holds this to all templates that
 * there are and to the limits that each operation has, so that no email comes about that nobody counts. SendPatientInvite is CreatePatientInvite.
 */
export const MAILS = {
  CreateClinic: ['clinic_created'],
  InviteClinician: ['clinician_invitation'],
  ResendInvite: ['clinician_invitation'],
  UpdateClinician: ['clinician_permissions_updated'],
  CreatePatientAccount: ['custodial_account_created'],
  UpdatePatient: ['custodial_account_created', 'request_*'],
  SendUploadReminder: ['patient_upload_reminder'],
  ConnectProvider: ['request_*'],
  CreatePatientInvite: ['patient_clinic_invitation'],
  TriggerInitialMigration: ['migrate_patient', 'clinic_migration_complete'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** What only back-end services and the directory call. Services are not counted; sign-ups are counted by the directory, before they come here. */
export const MAILS_OF_SERVICES = {
  ProvisionAccount: ['sign_up_confirmation'],
  ActivateArrival: ['email_shared'],
  CreatePatientFromUser: ['custodial_account_created'],
  MigrateLegacyClinicianPatients: ['migrate_patient', 'clinic_migration_complete'],
  UpdateClinicUserDetails: ['custodial_account_created', 'request_*'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** An operation that brings emails about. */
export type MailingOperation = keyof typeof MAILS;

/** What the limits of a mailing operation are counted by, and in what time. */
export type MailLimit = 'recipient' | 'invites' | 'record' | 'person' | 'clinic' | 'account' | 'offers';

const ALWAYS = ['person', 'clinic', 'account'] as const;

/**
 * What each operation is counted by, in this order, until one refuses. `recipient`: the address that the caller names; the last, so that nobody
 * uses it up by what their own limits refuse. `invites`: a person writes to people who did not ask. `record`: the same patient's address, or
 * clinician's roles, changed to and fro. `offers`: what strangers bring about to a clinic's admins, apart from what the clinic itself sends, so that
 * they use up nothing of it. The admins are no recipients that the caller chooses either: others may still write to them.
 */
export const LIMITS = {
  CreateClinic: ALWAYS,
  InviteClinician: ['invites', ...ALWAYS, 'recipient'],
  ResendInvite: ['invites', ...ALWAYS, 'recipient'],
  UpdateClinician: ['record', ...ALWAYS],
  CreatePatientAccount: [...ALWAYS, 'recipient'],
  UpdatePatient: ['record', ...ALWAYS, 'recipient'],
  SendUploadReminder: [...ALWAYS, 'recipient'],
  ConnectProvider: [...ALWAYS, 'recipient'],
  CreatePatientInvite: ['record', 'invites', 'person', 'offers'],
  TriggerInitialMigration: ALWAYS,
} as const satisfies Readonly<Record<MailingOperation, readonly MailLimit[]>>;

/** For so long the same request again is answered as before, and mails nothing. */
export const SAME_AGAIN_MS = 3_600_000;

/** Whether a mail that went out at this time is recent enough to stand for the one that is asked for now. */
export const isRecent = (time: Date | undefined, now: Date): boolean =>
  time !== undefined && now.getTime() - time.getTime() < SAME_AGAIN_MS;
