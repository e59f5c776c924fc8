import { template } from '../template.ts';

/** Goes to the one address that two users have: it names neither, nor their accounts and clinics, as they may be two people. */
export interface EmailShared {
  /** Where they are, such as au1.caregate.example. */
  readonly shardLink: string;
  /** Whether each of them has a password, or is a patient whom a clinic looks after. */
  readonly arrivedSignsIn: boolean;
  readonly holderSignsIn: boolean;
}

export const emailShared = template<EmailShared>({
  name: 'email_shared',
  subject: 'Two users on Caregate have your address',
  preview: 'An account has moved, and where it is now your address was known already. Both users stay apart.',
  paragraphs: [
    'Hello,',
    'an account in which your address is known has moved to {{shardLink}}, where another user has this address already. Both stay as they are, and neither sees or changes what belongs to the other.',
    '{{#if arrivedSignsIn}}You sign in to what has moved with this address and the password that you had for it.{{else}}What has moved are records that a clinic keeps of you. To sign in to them, ask that clinic to put another address of yours on your record.{{/if}}',
    '{{#if holderSignsIn}}You sign in to what was here before with this address and the password of that user.{{else}}What was here before are records that another clinic keeps of you. They stay with that clinic, and nothing changes for you there.{{/if}}',
    '{{#if arrivedSignsIn}}{{#if holderSignsIn}}If both have the same password, it leads to what was here before.{{/if}}{{/if}}',
    'For what has moved this address does not count as verified any more: open invitations by the links in their emails.',
    'If one of them is not yours, do nothing: nobody has gained access to anything.',
  ],
  because: 'You get this email because two users of Caregate have your address.',
  sample: { shardLink: 'au1.caregate.example', arrivedSignsIn: true, holderSignsIn: true },
});
