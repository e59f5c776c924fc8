import { clinicSettings, retentionSettings } from '@caregate/clinic-model';
import { identitySettings } from '@caregate/identity';
import { readVerificationKeys } from '@caregate/identity/directory-token';
import { commonSettings, corsSetting, ownShard, readBy } from '@caregate/service';
import { z } from 'zod';

export const settings = z.object({
  ...commonSettings,
  ...ownShard,
  ...identitySettings,
  ...clinicSettings,
  ...retentionSettings,
  ...corsSetting,
  DIRECTORY_PUBLIC_KEYS: z
    .string()
    .transform(readBy(readVerificationKeys))
    .optional()
    .describe(
      'public keys of the directory, as JWKs or PEM; it provisions and moves accounts here, without them nobody can',
    ),
  RATE_LIMIT_PER_KEY: rate(60_000, 'by one API key'),
  RATE_LIMIT_PER_USER: rate(0, 'by one signed-in user'),
  RATE_LIMIT_PER_ADDRESS: rate(0, 'from one network address, whoever calls'),
  RATE_LIMIT_PER_ACCOUNT: rate(
    120_000,
    'by one account, with all its keys and the people of its clinics, or of one clinic without an account',
  ),
  KEYS_PER_ACCOUNT: quota(50, 'API keys that work, of one account'),
  CLINICS_PER_ACCOUNT: quota(
    1_000,
    'clinics of one account, and clinics that one person administers outside of accounts',
  ),
  CLINICIANS_PER_CLINIC: quota(1_000, 'clinicians of one clinic, invites among them'),
  PATIENTS_PER_CLINIC: quota(200_000, 'patients of one clinic, apart from what its plan allows'),
  PATIENTS_PER_ACCOUNT: quota(1_000_000, 'patients of one account, as measured'),
  STORAGE_MIB_PER_ACCOUNT: quota(10_240, 'MiB that the patients of one account take, as measured'),
  USAGE_EVERY_MINUTES: z.coerce
    .number()
    .positive()
    .default(60)
    .describe('how often it is measured how many patients accounts have and how much they take'),
  INVITES_PER_HOUR: mails(100, 'invites that one person may send to clinicians and to clinics, in an hour'),
  MAILS_PER_RECIPIENT: mails(30, 'emails that people may have sent to one address, in a day'),
  MAILS_PER_RECORD: mails(
    10,
    'changes that are told by email, of one patient’s address or one clinician’s roles, in an hour',
  ),
  MAILS_PER_PERSON: mails(6_000, 'emails that one person, with all their API keys, may bring about in a day'),
  MAILS_PER_CLINIC: mails(6_000, 'emails that one clinic may bring about in a day'),
  MAILS_PER_ACCOUNT: mails(10_000, 'emails that all clinics of one account may bring about in a day'),
  AUDIT_RETENTION_DAYS: z.coerce
    .number()
    .int()
    .min(0)
    .default(2_192)
    .describe('how long entries of the audit are kept: six years, as HIPAA has records kept; 0 for ever'),
  SHEET_CACHE_MIB: z.coerce
    .number()
    .int()
    .min(0)
    .default(32)
    .describe('memory in MiB for what lists of patients are decided by, so that only what changed is read again'),
  FREE_TIER_PATIENT_LIMIT: z.coerce
    .number()
    .int()
    .positive()
    .default(250)
    .describe('patients of a US clinic on the free tier, unless its settings say otherwise'),
});

/** How many of something that ends in an email; more are refused with 429. */
function mails(unlessGiven: number, what: string) {
  return z.coerce.number().int().positive().default(unlessGiven).describe(what);
}

/** A bound against abuse, high enough that nobody at work meets it. */
function quota(unlessGiven: number, what: string) {
  return z.coerce
    .number()
    .int()
    .min(0)
    .default(unlessGiven)
    .describe(`at most so many ${what}; 0 for no limit. An operator can set another for one account`);
}

/** Requests in a minute. */
function rate(unlessGiven: number, what: string) {
  return z.coerce
    .number()
    .int()
    .min(0)
    .default(unlessGiven)
    .describe(`requests that each copy of the app takes in a minute ${what}; 0 for no limit`);
}

export type ClinicApiConfig = z.output<typeof settings>;
