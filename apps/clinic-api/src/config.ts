import { clinicSettings } from '@caregate/clinic-model';
import { identitySettings } from '@caregate/identity';
import { readVerificationKeys } from '@caregate/identity/directory-token';
import { commonSettings, ownShard, readBy } from '@caregate/service';
import { z } from 'zod';

export const settings = z.object({
  ...commonSettings,
  ...ownShard,
  ...identitySettings,
  ...clinicSettings,
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
  INVITES_PER_HOUR: z.coerce
    .number()
    .int()
    .positive()
    .default(100)
    .describe('invites to clinicians that one person may have sent in an hour, over all their clinics'),
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
