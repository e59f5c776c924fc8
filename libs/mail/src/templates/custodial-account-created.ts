import { template } from '../template.ts';

export interface CustodialAccountCreated {
  readonly clinicName: string;
  readonly recipientName?: string;
  readonly claimLink: string;
}

export const custodialAccountCreated = template<CustodialAccountCreated>({
  name: 'custodial_account_created',
  subject: 'An account was created for you by the clinic “{{clinicName}}”',
  preview: 'Claim it to see your own data and to decide who else may.',
  paragraphs: [
    'Hello{{#if recipientName}} {{recipientName}}{{/if}},',
    'an account was created for you by the clinic “{{clinicName}}”, which looks after your data in it. Claim the account to see your data yourself and to decide who else may.',
    'If you are not a patient of this clinic, you need not do anything.',
  ],
  action: { label: 'Claim your account', link: '{{claimLink}}' },
  because: 'You get this email because a clinic gave your address as that of its patient.',
  sample: {
    clinicName: 'Harbour Diabetes Centre',
    recipientName: 'Ines Okafor',
    claimLink: 'https://app.au1.example.com/claim/0123456789',
  },
});
