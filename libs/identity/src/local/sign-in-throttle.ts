import { createHmac, hkdfSync } from 'node:crypto';
import { AttemptLimit, networkOf, prepareAttempts } from '@caregate/service';
import type { Connection } from 'mongoose';

const COLLECTION = 'sign_in_attempts';

/**
 * Slows down guessing, over all copies of the app: few attempts for one email from one address, more for an address,
 * and more for an email from anywhere, so that a stranger cannot easily lock a person out.
 */
export class SignInThrottle {
  private readonly limits: {
    limit: AttemptLimit;
    key: (email: string, address: string) => string;
  }[];

  private readonly key: Buffer;

  constructor(connection: Connection, { shardId, secret }: { readonly shardId: string; readonly secret: string }) {
    this.key = Buffer.from(hkdfSync('sha256', secret, shardId, 'caregate limits of sign-ins', 32));
    const limit = (name: string, points: number, minutes: number, key: (email: string, address: string) => string) => ({
      key,
      limit: new AttemptLimit(connection, { collection: COLLECTION, name, points, minutes }),
    });
    this.limits = [
      limit('email-and-address', 10, 15, (email, address) => `${email} ${address}`),
      limit('address', 100, 15, (_email, address) => address),
      limit('email', 100, 60, (email) => email),
    ];
  }

  static prepare(connection: Connection): Promise<void> {
    return prepareAttempts(connection, COLLECTION);
  }

  /** Counts an attempt before it is made, so that many at once cannot slip through. @throws {TooManyRequests} */
  async attempt(email: string, address: string): Promise<void> {
    const network = networkOf(address);
    for (const { limit, key } of this.limits)
      await limit.count(this.hashed(key(email, network)), 'too many attempts to sign in; wait and try again');
  }

  /** A person who got in starts afresh; the address keeps its count, or one good account would hide guesses at others. */
  async succeeded(email: string, address: string): Promise<void> {
    const [pair] = this.limits;
    if (pair) await pair.limit.forget(this.hashed(pair.key(email, networkOf(address))));
  }

  /** Neither emails nor addresses are kept, and nobody who reads the database can try some out. */
  private hashed(key: string): string {
    return createHmac('sha256', this.key).update(key).digest('base64url');
  }
}
