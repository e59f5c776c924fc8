import type { Template } from '../template.ts';
import { clinicCreated } from './clinic-created.ts';
import { clinicianInvitation } from './clinician-invitation.ts';
import { clinicianPermissionsUpdated } from './clinician-permissions-updated.ts';
import { custodialAccountCreated } from './custodial-account-created.ts';
import { emailShared } from './email-shared.ts';
import {
  clinicMigrationComplete,
  migratePatient,
  patientClinicInvitation,
  patientUploadReminder,
  providerConnectTemplates,
  type Provider,
  type ProviderRequest,
} from './patient-emails.ts';
import { signUpConfirmation } from './sign-up-confirmation.ts';

export * from './clinic-created.ts';
export * from './clinician-invitation.ts';
export * from './clinician-permissions-updated.ts';
export * from './custodial-account-created.ts';
export * from './email-shared.ts';
export * from './patient-emails.ts';
export * from './sign-up-confirmation.ts';

/** The email that asks a patient to connect a provider's account; undefined for a provider without one. */
export function providerTemplate(
  provider: Provider,
  kind: 'connect' | 'connect_custodial' | 'reconnect',
): Template<ProviderRequest> | undefined {
  return providerConnectTemplates.find(({ name }) => name === `request_${provider}_${kind}`);
}

/** Every email with its sample, for the preview page and for tests that hold for all of them. */
export const allTemplates: readonly Preview[] = [
  preview(clinicCreated),
  preview(clinicianInvitation),
  preview(clinicianPermissionsUpdated),
  preview(custodialAccountCreated),
  preview(signUpConfirmation),
  preview(emailShared),
  preview(patientUploadReminder),
  ...providerConnectTemplates.map((each) => preview(each)),
  preview(migratePatient),
  preview(clinicMigrationComplete),
  preview(patientClinicInvitation),
];

export interface Preview {
  readonly name: string;
  readonly sample: object;
  /** Renders the sample, with some of its texts replaced. */
  readonly render: (changes?: Readonly<Record<string, string>>) => ReturnType<Template<object>['render']>;
}

function preview<Data extends object>({ name, sample, render }: Template<Data>): Preview {
  return { name, sample, render: (changes = {}) => render({ ...sample, ...changes }) };
}
