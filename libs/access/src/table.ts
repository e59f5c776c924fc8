/**
 * Who may call what: the whole of it. Nothing is allowed that does not stand here.
 *
 * - `everybody`      no token is looked at
 * - `anyUser`        any signed-in user
 * - `service`        a back-end service
 * - `member`         a clinician of the clinic in the path, whatever the role
 * - `admin`          a clinician of the clinic in the path with the role CLINIC_ADMIN
 * - `ownMembership`  a clinician of the clinic in the path, on their own clinician record
 * - `userInPath`     the user whom the path names
 * - `custodyEnder`   a back-end service, where the path names the permission `custodian`: the account is claimed
 * - `clinicKey`      an API key of the account that holds the clinic in the path
 * - `accountKey`     any API key: the operation itself looks only at what the key's account holds
 * - `accountOwner`   the user who owns the account in the path
 * - `ownAccountKey`  an API key of the account in the path
 * - `directory`      the directory, by a token that it signed for the operation, the account and the move
 */
export type Who =
  | 'everybody'
  | 'anyUser'
  | 'service'
  | 'member'
  | 'admin'
  | 'ownMembership'
  | 'userInPath'
  | 'custodyEnder'
  | 'clinicKey'
  | 'accountKey'
  | 'accountOwner'
  | 'ownAccountKey'
  | 'directory';

/** The clinic API. Rows that the public service's policy leaves out (invites, list of all clinicians) are ours; see docs/decisions. */
const clinicApi = {
  // clinics
  ListClinics: ['service'],
  CreateClinic: ['anyUser', 'accountKey'],
  GetClinicByShareCode: ['anyUser', 'service'],
  GetClinic: ['anyUser', 'service', 'clinicKey'],
  UpdateClinic: ['admin', 'service', 'clinicKey'],
  DeleteClinic: ['admin', 'service', 'clinicKey'],
  UpdateTier: ['service'],
  UpdateSuppressedNotifications: ['admin', 'clinicKey'],
  ListMembershipRestrictions: ['admin', 'service', 'clinicKey'],
  UpdateMembershipRestrictions: ['service'],

  // settings and counts
  GetEHRSettings: ['member', 'service', 'clinicKey'],
  UpdateEHRSettings: ['service'],
  GetMRNSettings: ['member', 'service', 'clinicKey'],
  UpdateMRNSettings: ['service'],
  GetPatientCountSettings: ['member', 'service', 'clinicKey'],
  UpdatePatientCountSettings: ['service'],
  GetPatientCount: ['member', 'service', 'clinicKey'],
  RefreshPatientCount: ['service'],

  // clinicians
  ListClinicians: ['member', 'service', 'clinicKey'],
  CreateClinician: ['service'],
  GetClinician: ['member', 'service', 'clinicKey'],
  UpdateClinician: ['admin', 'service', 'clinicKey'],
  DeleteClinician: ['admin', 'ownMembership', 'service', 'clinicKey'],
  AddServiceAccount: ['service'],
  ListClinicsForClinician: ['service', 'userInPath'],
  ListAllClinicians: ['service'],
  UpdateClinicUserDetails: ['service'],
  DeleteUserFromClinics: ['service'],

  // invites to clinicians
  InviteClinician: ['admin', 'clinicKey'],
  GetClinicianInvite: ['admin', 'clinicKey'],
  ResendInvite: ['admin', 'clinicKey'],
  DeleteInvite: ['admin', 'clinicKey'],
  GetInvitedClinician: ['service'],
  AssociateClinicianToUser: ['service'],
  DeleteInvitedClinician: ['service'],
  ListClinicianInvites: ['userInPath'],
  AcceptClinicianInvite: ['userInPath'],
  DismissClinicianInvite: ['userInPath'],

  // patients
  ListPatients: ['member', 'service', 'clinicKey'],
  CreatePatientAccount: ['member', 'service', 'clinicKey'],
  GetPatient: ['member', 'service', 'clinicKey'],
  CreatePatientFromUser: ['service'],
  UpdatePatient: ['member', 'service', 'clinicKey'],
  DeletePatient: ['admin', 'userInPath', 'clinicKey'],
  UpdatePatientPermissions: ['userInPath'],
  DeletePatientPermission: ['userInPath', 'custodyEnder'],
  UpdatePatientReviews: ['member'],
  DeletePatientReviews: ['member'],
  SendUploadReminder: ['member', 'clinicKey'],
  ConnectProvider: ['member', 'service', 'clinicKey'],
  UpdatePatientSummary: ['service'],
  DeletePatientSummary: ['service'],
  UpdatePatientDataSources: ['service'],
  ListClinicsForPatient: ['service', 'userInPath'],
  FindPatients: ['anyUser', 'accountKey'],
  TideReport: ['member', 'service', 'clinicKey'],

  // invites from patients
  GetPatientInvites: ['member', 'clinicKey'],
  AcceptPatientInvitation: ['member', 'clinicKey'],
  DismissPatientInvite: ['member', 'clinicKey'],
  CreatePatientInvite: ['userInPath'],
  ListPatientInvites: ['userInPath'],
  DeletePatientInvite: ['userInPath'],
  SendPatientInvite: ['userInPath'],

  // tags and sites
  CreatePatientTag: ['member', 'service', 'clinicKey'],
  UpdatePatientTag: ['member', 'service', 'clinicKey'],
  DeletePatientTag: ['admin', 'service', 'clinicKey'],
  ConvertPatientTagToSite: ['service'],
  AssignPatientTagToClinicPatients: ['admin', 'service', 'clinicKey'],
  DeletePatientTagFromClinicPatients: ['admin', 'service', 'clinicKey'],
  CreateSite: ['admin', 'service', 'clinicKey'],
  UpdateSite: ['admin', 'service', 'clinicKey'],
  DeleteSite: ['admin', 'service', 'clinicKey'],
  MergeSite: ['service'],

  // migrations and merge
  ListMigrations: ['member', 'service', 'clinicKey'],
  MigrateLegacyClinicianPatients: ['service'],
  EnableNewClinicExperience: ['service'],
  TriggerInitialMigration: ['admin'],
  GetMigration: ['member', 'service', 'clinicKey'],
  UpdateMigration: ['service'],
  GenerateMergeReport: ['service'],
  MergeClinic: ['service'],
} as const satisfies Record<string, readonly Who[]>;

/** Accounts, sessions, API keys and audit: what is ours, under /caregate/v1. */
const accountApi = {
  ProvisionAccount: ['directory'],
  GetAccount: ['directory', 'accountOwner', 'ownAccountKey'],
  SignIn: ['everybody'],
  GetCaller: ['anyUser', 'service', 'accountKey'],
  SignOut: ['anyUser'],
  DeleteUser: ['userInPath', 'service'],
  GetQuotas: ['accountOwner', 'directory'],
  SetQuotas: ['directory'],
  CreateApiKey: ['accountOwner'],
  ListApiKeys: ['accountOwner', 'directory'],
  ListAdminsByKeys: ['accountOwner'],
  RotateApiKey: ['accountOwner'],
  RevokeApiKey: ['accountOwner', 'directory'],
  ImportApiKeys: ['directory'],
  ClaimMove: ['directory'],
  BeginDeparture: ['directory'],
  CancelDeparture: ['directory'],
  ExportDocuments: ['directory'],
  ExportChanges: ['directory'],
  FingerprintDocuments: ['directory'],
  FenceAccount: ['directory'],
  SealFence: ['directory'],
  CompleteDeparture: ['directory'],
  PurgeDeparted: ['directory'],
  BeginArrival: ['directory'],
  CancelArrival: ['directory'],
  ImportBatch: ['directory'],
  ActivateArrival: ['directory'],
  ListAuditEntries: ['admin', 'service', 'clinicKey'],
  ListAccountAuditEntries: ['accountOwner', 'service'],
  GetMigrationProgress: ['member', 'service', 'clinicKey'],
} as const satisfies Record<string, readonly Who[]>;

export const ACCESS: Readonly<Record<string, readonly Who[]>> = { ...clinicApi, ...accountApi };
