import { template } from '../template.ts';

export interface ClinicianPermissionsUpdated {
  readonly clinicName: string;
  readonly recipientName?: string;
  /** Who made the change, as far as it is known. */
  readonly changedBy?: string;
  /** In words: "an administrator". */
  readonly role: string;
  readonly clinicLink: string;
}

export const clinicianPermissionsUpdated = template<ClinicianPermissionsUpdated>({
  name: 'clinician_permissions_updated',
  subject: 'Your permissions at the clinic “{{clinicName}}” have changed',
  preview: 'You are now {{role}} of the clinic “{{clinicName}}”.',
  paragraphs: [
    'Hello{{#if recipientName}} {{recipientName}}{{/if}},',
    'your permissions at the clinic “{{clinicName}}” were changed by {{#if changedBy}}“{{changedBy}}”{{else}}an administrator{{/if}}. You are now {{role}} there.',
    'If you did not expect this, please ask an administrator of the clinic.',
  ],
  action: { label: 'Open the clinic', link: '{{clinicLink}}' },
  because: 'You get this email because you are a member of this clinic.',
  sample: {
    clinicName: 'Harbour Diabetes Centre',
    recipientName: 'Jon Ferreira',
    changedBy: 'Mara Lindqvist',
    role: 'an administrator',
    clinicLink: 'https://app.au1.example.com/clinics/6a1b2c3d4e5f6a7b8c9d0e1f',
  },
});
