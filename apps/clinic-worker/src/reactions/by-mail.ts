import type { ReactionDefinition } from '@caregate/change-events';

/**
 * Of reactions that send emails. A server that puts them off (greylisting, a full mailbox) wants to be asked again later: about half a
 * day in all. Emails go out one after the other, so whoever waits for their turn does so among themselves.
 */
export const BY_MAIL = {
  retries: { attempts: 30, longestDelay: 30 * 60_000 },
  queue: 'mail',
} as const satisfies Partial<ReactionDefinition<never>>;
