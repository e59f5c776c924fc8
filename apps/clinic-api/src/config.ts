import { commonSettings } from '@caregate/service';
import { identitySettings } from '@caregate/identity';
import { z } from 'zod';

const userId = z.string().regex(/^([0-9a-f]{10}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/, 'must be a user id');

export const settings = z.object({
  ...commonSettings,
  ...identitySettings,
  /** Shared with the directory, which provisions accounts here; without it nobody can. */
  PROVISIONING_SECRET: z.string().min(16, 'must have at least 16 characters').optional(),
  /** A patient that each new clinic gets for trying things out, copied from this user. */
  DEMO_PATIENT_USER_ID: userId.optional(),
  /** Patients of a US clinic on the free tier, unless its settings say otherwise (behaviour, "Clinics"). */
  FREE_TIER_PATIENT_LIMIT: z.coerce.number().int().positive().default(250),
});

export type ClinicApiConfig = z.output<typeof settings>;
