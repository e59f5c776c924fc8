import type { RetryPolicy } from '@caregate/change-events';

/** A server that puts emails off (greylisting, a full mailbox) wants to be asked again later: about half a day in all. */
export const MAIL_RETRIES: Partial<RetryPolicy> = { attempts: 30, longestDelay: 30 * 60_000 };
