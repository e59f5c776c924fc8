import { template } from '../template.ts';

export interface ClinicianInvitedData {
  readonly clinicName: string;
  readonly link: string;
}

export const clinicianInvited = template<ClinicianInvitedData>({
  name: 'clinician_invited',
  subject: '{{clinicName}} invites you to join',
  preview: 'Sign in with this email address to accept or decline.',
  paragraphs: [
    'Hello,',
    '{{clinicName}} invites you to work with them on Caregate. Sign in, or sign up, with this email address to accept or decline.',
  ],
  action: { label: 'See the invitation', link: '{{link}}' },
  because:
    'You get this email because an administrator of the clinic entered your address. If you do not know the clinic, you need not do anything.',
  sample: { clinicName: 'Harbour Diabetes Centre', link: 'https://app.au1.example.com/invites' },
});
