import { clinicSettings } from '@caregate/clinic-model';
import { identitySettings } from '@caregate/identity';
import { commonSettings } from '@caregate/service';
import { z } from 'zod';

export const settings = z.object({
  ...commonSettings,
  ...identitySettings,
  ...clinicSettings,
  PROVISIONING_SECRET: z
    .string()
    .min(16, 'must have at least 16 characters')
    .optional()
    .describe('shared with the directory, which provisions accounts here; without it nobody can'),
  FREE_TIER_PATIENT_LIMIT: z.coerce
    .number()
    .int()
    .positive()
    .default(250)
    .describe('patients of a US clinic on the free tier, unless its settings say otherwise'),
});

export type ClinicApiConfig = z.output<typeof settings>;
