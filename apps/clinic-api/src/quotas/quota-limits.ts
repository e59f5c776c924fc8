import type { ClinicApiConfig } from '../config.ts';

/** What an account may have; a clinic without an account has the same for itself. */
export const QUOTAS = [
  'requestsPerMinute',
  'keys',
  'clinics',
  'cliniciansPerClinic',
  'patientsPerClinic',
  'patients',
  'storageMib',
] as const;
export type Quota = (typeof QUOTAS)[number];

/** 0 means no limit. */
export type Limits = Readonly<Record<Quota, number>>;

/** What an operator has set for one account in place of the shard's settings. */
export type Overrides = Readonly<Partial<Limits>>;

/** What has come with an account from another shard may be anything. */
export const overridesIn = (kept: Overrides | undefined): Overrides =>
  Object.fromEntries(
    QUOTAS.flatMap((quota) => {
      const limit = kept?.[quota];
      return Number.isInteger(limit) && Number(limit) >= 0 ? [[quota, limit]] : [];
    }),
  );

export function defaultLimits(config: ClinicApiConfig): Limits {
  return {
    requestsPerMinute: config.RATE_LIMIT_PER_ACCOUNT,
    keys: config.KEYS_PER_ACCOUNT,
    clinics: config.CLINICS_PER_ACCOUNT,
    cliniciansPerClinic: config.CLINICIANS_PER_CLINIC,
    patientsPerClinic: config.PATIENTS_PER_CLINIC,
    patients: config.PATIENTS_PER_ACCOUNT,
    storageMib: config.STORAGE_MIB_PER_ACCOUNT,
  };
}

/** Says whether one more would be too many. */
export const isFull = (limit: number, used: number) => limit > 0 && used >= limit;

/** From this share of a quota on an account is shown to operators as near its end. */
const NEAR = 0.8;
export const isNear = (limit: number, used: number) => limit > 0 && used >= limit * NEAR;
