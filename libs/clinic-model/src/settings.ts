import { isUserId, type UserId } from '@caregate/identity';
import { z } from 'zod';

/** Settings of the apps that write patients; they must agree, since the demo patient is counted apart. */
export const clinicSettings = {
  DEMO_PATIENT_USER_ID: z
    .custom<UserId>((value) => typeof value === 'string' && isUserId(value), 'must be a user id')
    .optional()
    .describe(
      'the user of whom each new clinic gets a copy as demo patient; clinic-api and clinic-worker need the same',
    ),
} as const;
