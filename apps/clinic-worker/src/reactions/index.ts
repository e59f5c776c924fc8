import { ClinicCreated } from './clinic-created.handler.ts';
import { ClinicianInvited } from './clinician-invited.handler.ts';
import { ClinicianPermissionsUpdated } from './clinician-permissions-updated.handler.ts';
import { ConnectionRequested } from './connection-request.handler.ts';
import { CustodialAccountCreated } from './custodial-account-created.handler.ts';
import { CustodialPatientDeleted } from './custodial-patient-deleted.handler.ts';
import { CustodialProfile } from './custodial-profile.handler.ts';
import { DataSources } from './data-sources.handler.ts';
import { DeletedTag } from './deleted-tag.handler.ts';
import { EmailShared } from './email-shared.handler.ts';
import { MigrationRequested } from './migration-requested.handler.ts';
import { PatientInvitesClinic } from './patient-clinic-invitation.handler.ts';
import { SignedUp } from './sign-up.handler.ts';
import { UploadReminder } from './upload-reminder.handler.ts';
import { UserDeleted } from './user-deleted.handler.ts';
import { UserUpdated } from './user-updated.handler.ts';

/** All that happens because something changed (behaviour, "Change events and the worker"). */
export const reactions = [
  SignedUp,
  ClinicCreated,
  DeletedTag,
  CustodialProfile,
  DataSources,
  CustodialAccountCreated,
  UploadReminder,
  ConnectionRequested,
  ClinicianInvited,
  ClinicianPermissionsUpdated,
  PatientInvitesClinic,
  MigrationRequested,
  CustodialPatientDeleted,
  UserDeleted,
  UserUpdated,
  EmailShared,
] as const;
