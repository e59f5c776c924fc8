import type { ReactionDefinition } from '@caregate/change-events';

/**
 * Of reactions that send emails. A server that puts them off (greylisting, a full mailbox) wants to be asked again later: about half a
 * day in all. They wait among themselves for their turn, each account for its own, and longer than other reactions may take.
 */
export const BY_MAIL = {
  retries: { attempts: 30, longestDelay: 30 * 60_000 },
  queue: 'mail',
  outward: true,
  deadline: 60 * 60_000,
} as const satisfies Partial<ReactionDefinition<never>>;
