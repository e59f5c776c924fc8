import { template } from '../template.ts';

/** Holds nothing that was typed at the sign-up but the subdomain: a stranger may have typed it, for somebody else to read. */
export interface SignUpConfirmation {
  /** Of the account, such as good-healthy-times.au1.caregate.example. */
  readonly addressLink: string;
  /** Holds the secret by which the reader proves that the address is theirs. */
  readonly confirmationLink: string;
  /** What the address is here already: somebody who signs in with it, somebody whom a clinic looks after, or nothing. */
  readonly isUser?: boolean;
  readonly isPatient?: boolean;
  /** Where people sign in elsewhere, what they need there first. */
  readonly remote?: boolean;
}

export const signUpConfirmation = template<SignUpConfirmation>({
  name: 'sign_up_confirmation',
  subject: 'Confirm your address for Caregate',
  preview: 'Open the link to get the account that was signed up with your address.',
  paragraphs: [
    'Hello,',
    'the account {{addressLink}} was signed up with this address. Open the link and confirm, and the account is yours. The link works for two days.',
    '{{#if isUser}}You sign in on Caregate with this address already. You become the owner of the account and keep your password: the page asks for that one, and the one that was typed at the sign-up is not used.{{/if}}',
    '{{#if isPatient}}A clinic keeps records of you under this address. You become the owner of the account, sign in with the password that was chosen at the sign-up, and your records stay as they are.{{/if}}',
    '{{#if remote}}You need a user with this address at the service where you sign in, and the address has to be verified there. Do that first if you have not.{{/if}}',
    'If it was not you who signed up, do nothing: without you nobody gets the account.',
  ],
  action: { label: 'Confirm your address', link: '{{confirmationLink}}' },
  because: 'You get this email because somebody signed up on Caregate with your address.',
  sample: {
    addressLink: 'good-healthy-times.au1.caregate.example',
    confirmationLink: 'https://api.au1.caregate.example/sign-up/3f1c9d52-7f0e-4c1e-9a52-6a1d6f8f0b11/kx0sVq3T',
    isUser: true,
  },
});
