import { isUserId, type UserId } from '@caregate/identity';
import { z } from 'zod';
import { DELETIONS_KEPT_DAYS } from './archives.ts';

/** Settings of the apps that write patients; they must agree, since the demo patient is counted apart. */
export const clinicSettings = {
  DEMO_PATIENT_USER_ID: z
    .custom<UserId>((value) => typeof value === 'string' && isUserId(value), 'must be a user id')
    .optional()
    .describe(
      'the user of whom each new clinic gets a copy as demo patient; clinic-api and clinic-worker need the same',
    ),
} as const;

/** Settings of the app that prepares the database. */
export const retentionSettings = {
  DELETIONS_KEPT_DAYS: z.coerce
    .number()
    .int()
    .min(1)
    .max(3_650)
    .default(DELETIONS_KEPT_DAYS)
    .describe('how long it is kept that a clinic, member or patient was deleted, when and by whom (ids only)'),
} as const;
