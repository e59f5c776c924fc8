import { template } from '../template.ts';

export interface ClinicianInvitation {
  readonly clinicName: string;
  /** Who invites, as far as it is known. */
  readonly invitedBy?: string;
  /** In words: "an administrator". */
  readonly role: string;
  /** Holds the secret of the invite: with it the person proves that the address is theirs. */
  readonly inviteLink: string;
}

export const clinicianInvitation = template<ClinicianInvitation>({
  name: 'clinician_invitation',
  subject: 'You are invited to the clinic “{{clinicName}}”',
  preview: 'Join the clinic “{{clinicName}}” as {{role}}.',
  paragraphs: [
    'Hello,',
    'you are invited by {{#if invitedBy}}“{{invitedBy}}”{{else}}an administrator{{/if}} to join the clinic “{{clinicName}}” as {{role}}.',
    'To accept, sign in with the address that this email was sent to, or sign up with it.',
  ],
  action: { label: 'See the invite', link: '{{inviteLink}}' },
  because:
    'You get this email because somebody at this clinic gave your address. If you do not know them, you need do nothing.',
  sample: {
    clinicName: 'Harbour Diabetes Centre',
    invitedBy: 'Mara Lindqvist',
    role: 'a member',
    inviteLink: 'https://app.au1.example.com/invites/0f1e2d3c4b5a69788796a5b4c3d2e1f0#kx0sVq3T',
  },
});
