import { template } from '../template.ts';

export interface ClinicCreated {
  readonly clinicName: string;
  readonly recipientName?: string;
  readonly clinicLink: string;
}

export const clinicCreated = template<ClinicCreated>({
  name: 'clinic_created',
  subject: 'Your clinic “{{clinicName}}” is ready on Caregate',
  preview: 'Your clinic has been created, and you are its first administrator.',
  paragraphs: [
    'Hello{{#if recipientName}} {{recipientName}}{{/if}},',
    'your clinic “{{clinicName}}” has been created, and you are its first administrator.',
    'Next, invite the people you work with and add your first patients.',
  ],
  action: { label: 'Open the clinic', link: '{{clinicLink}}' },
  because: 'You get this email because your account was named as the administrator of a new clinic.',
  sample: {
    clinicName: 'Harbour Diabetes Centre',
    recipientName: 'Mara Lindqvist',
    clinicLink: 'https://app.au1.example.com/clinics/6a1b2c3d4e5f6a7b8c9d0e1f',
  },
});
