import { template } from '../template.ts';

export interface ToPatient {
  readonly clinicName: string;
  readonly recipientName?: string;
  readonly link: string;
}

const hello = 'Hello{{#if recipientName}} {{recipientName}}{{/if}},';
const because = 'You get this email because you share your data with this clinic.';
const sample: ToPatient = {
  clinicName: 'Harbour Diabetes Centre',
  recipientName: 'Ines Okafor',
  link: 'https://app.au1.example.com/',
};

export const patientUploadReminder = template<ToPatient>({
  name: 'patient_upload_reminder',
  subject: 'Please upload your data for the clinic “{{clinicName}}”',
  preview: 'Please upload the data of your devices.',
  paragraphs: [
    hello,
    'your clinic “{{clinicName}}” would like to see recent data of your devices. Please upload them, so that your care team can prepare for you.',
  ],
  action: { label: 'Upload your data', link: '{{link}}' },
  because,
  unsubscribable: true,
  sample,
});

export const migratePatient = template<ToPatient>({
  name: 'migrate_patient',
  subject: 'What you share moved along with the clinic “{{clinicName}}”',
  preview: 'What you share with the clinic has moved along. You need not do anything.',
  paragraphs: [
    hello,
    'your clinic “{{clinicName}}” now works with a clinic account. What you share with the clinic has moved along with it, and you need not do anything.',
    'In your settings you can see and change what you share at any time.',
  ],
  action: { label: 'See what you share', link: '{{link}}' },
  because,
  sample,
});

export interface ProviderRequest extends ToPatient {
  readonly provider: string;
}

const provided: ProviderRequest = { ...sample, provider: 'Dexcom' };

/** The providers whose accounts patients can be asked to connect, and what people call them. */
export const PROVIDERS = { dexcom: 'Dexcom', twiist: 'twiist', abbott: 'LibreView' } as const;
export type Provider = keyof typeof PROVIDERS;

/** `request_<provider>_connect`, for patients who look after their own account, and `…_custodial`, for those who must claim it first. */
export const providerConnectTemplates = (Object.keys(PROVIDERS) as Provider[]).flatMap((provider) => [
  template<ProviderRequest>({
    name: `request_${provider}_connect`,
    subject: 'Please connect your {{provider}} account for the clinic “{{clinicName}}”',
    preview: 'Your data then reaches the clinic by itself.',
    paragraphs: [
      hello,
      'your clinic “{{clinicName}}” asks you to connect your {{provider}} account. Your data then reaches your care team by itself.',
    ],
    action: { label: 'Connect {{provider}}', link: '{{link}}' },
    because,
    sample: { ...provided, provider: PROVIDERS[provider] },
  }),
  template<ProviderRequest>({
    name: `request_${provider}_connect_custodial`,
    subject: 'Please connect your {{provider}} account for the clinic “{{clinicName}}”',
    preview: 'Claim the account that the clinic made for you, then connect {{provider}}.',
    paragraphs: [
      hello,
      'your clinic “{{clinicName}}” looks after an account for you and asks you to connect your {{provider}} account to it. Your data then reaches your care team by itself.',
      'The first step is to claim the account; the second to sign in to {{provider}}.',
    ],
    action: { label: 'Claim and connect', link: '{{link}}' },
    because: 'You get this email because a clinic gave your address as that of its patient.',
    sample: { ...provided, provider: PROVIDERS[provider] },
  }),
  template<ProviderRequest>({
    name: `request_${provider}_reconnect`,
    subject: 'Please connect your {{provider}} account again',
    preview: 'Your data from {{provider}} no longer reaches the clinic “{{clinicName}}”.',
    paragraphs: [
      hello,
      'the connection to your {{provider}} account has ended, and the clinic “{{clinicName}}” no longer gets your data from there. Please connect it again.',
    ],
    action: { label: 'Connect {{provider}} again', link: '{{link}}' },
    because,
    sample: { ...provided, provider: PROVIDERS[provider] },
  }),
]);

export interface ToClinicAdmin {
  readonly clinicName: string;
  readonly recipientName?: string;
  readonly link: string;
}

const adminSample: ToClinicAdmin = {
  clinicName: 'Harbour Diabetes Centre',
  recipientName: 'Mara Lindqvist',
  link: 'https://app.au1.example.com/clinics/6a1b2c3d4e5f6a7b8c9d0e1f',
};

export interface ClinicMigrationComplete extends ToClinicAdmin {
  /** How many patients could not be moved, and why: `the user is gone (2), …`. */
  readonly skipped?: number;
  readonly reasons?: string;
  /** Of how many patients something is missing. */
  readonly incomplete?: number;
}

export const clinicMigrationComplete = template<ClinicMigrationComplete>({
  name: 'clinic_migration_complete',
  subject: '{{#if skipped}}Patients{{else}}All patients{{/if}} have moved to the clinic “{{clinicName}}”',
  preview: 'The move of your patients is complete{{#if skipped}}, but for some of them{{/if}}.',
  paragraphs: [
    hello,
    'the patients of your former account have moved to the clinic “{{clinicName}}”. You and your colleagues find them there from now on.',
    '{{#if skipped}}Not moved: {{skipped}}. The reasons, with how many patients each: {{reasons}}. Those who still have an account share with your former account as before.{{/if}}',
    '{{#if incomplete}}Of {{incomplete}} of the moved patients something is missing or could not be read, such as the birth date. Please complete it when you next save them.{{/if}}',
  ],
  action: { label: 'Open the clinic', link: '{{link}}' },
  because: 'You get this email because you administer this clinic.',
  sample: adminSample,
});

export interface PatientClinicInvitation extends ToClinicAdmin {
  readonly patientName: string;
}

export const patientClinicInvitation = template<PatientClinicInvitation>({
  name: 'patient_clinic_invitation',
  subject: 'A patient wants to share data with the clinic “{{clinicName}}”',
  preview: 'Accept or decline the invitation.',
  paragraphs: [
    hello,
    'the patient “{{patientName}}” wants to share their data with the clinic “{{clinicName}}”. Please accept or decline.',
  ],
  action: { label: 'See the invitation', link: '{{link}}' },
  because:
    'You get this email because you administer this clinic. The clinic can switch these emails off in its settings.',
  sample: { ...adminSample, patientName: 'Ines Okafor' },
});
