import { LRUCache } from 'lru-cache';
import type { Principal } from './identity-service.ts';
import type { UserId } from './user-id.ts';

/** How long an answer is believed: an ended session works on for at most this long. */
const FRESH_MS = 5_000;
const MOST_TOKENS = 20_000;
/** Longer ones are refused unread, so that they cannot fill the memory. */
const LONGEST_TOKEN = 4_096;
const TOKEN = /^[\x21-\x7e]+$/;

/** Remembers for a few seconds whom a token speaks for. Requests that come with one token at once share one look-up. */
export class CallerCache {
  private readonly callers: LRUCache<string, Principal>;

  constructor(lookUp: (token: string) => Promise<Principal | undefined>, freshMs = FRESH_MS) {
    this.callers = new LRUCache<string, Principal>({ max: MOST_TOKENS, ttl: freshMs, fetchMethod: lookUp });
  }

  async principal(token: string): Promise<Principal | undefined> {
    if (token.length > LONGEST_TOKEN || !TOKEN.test(token)) return undefined;
    return this.callers.get(token) ?? this.callers.fetch(token);
  }

  /** Forgets what is known of a user's tokens, so that in this process their end is seen at once. */
  forget(userId: UserId): void {
    for (const [token, caller] of this.callers.entries()) {
      if (caller.kind === 'user' && caller.userId === userId) this.callers.delete(token);
    }
  }
}
