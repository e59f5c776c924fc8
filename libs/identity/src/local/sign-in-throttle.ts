import { createHash } from 'node:crypto';
import { networkOf, TooManyRequests } from '@caregate/service';
import type { Connection } from 'mongoose';
import { RateLimiterMongo, RateLimiterRes } from 'rate-limiter-flexible';

const COLLECTION = 'sign_in_attempts';

/**
 * Slows down guessing, over all copies of the app: few attempts for one email from one address, more for an address,
 * and more for an email from anywhere, so that a stranger cannot easily lock a person out.
 */
export class SignInThrottle {
  private readonly limits: {
    name: string;
    limiter: RateLimiterMongo;
    key: (email: string, address: string) => string;
  }[];

  constructor(connection: Connection) {
    const limit = (name: string, points: number, minutes: number, key: (email: string, address: string) => string) => ({
      name,
      key,
      limiter: new RateLimiterMongo({
        storeClient: connection,
        tableName: COLLECTION,
        keyPrefix: name,
        points,
        duration: minutes * 60,
        disableIndexesCreation: true, // it would print what fails; ours are made with the others
      }),
    });
    this.limits = [
      limit('email-and-address', 10, 15, (email, address) => `${email} ${address}`),
      limit('address', 100, 15, (_email, address) => address),
      limit('email', 100, 60, (email) => email),
    ];
  }

  static async prepare(connection: Connection): Promise<void> {
    await connection.collection(COLLECTION).createIndexes([
      { key: { expire: -1 }, expireAfterSeconds: 0 },
      { key: { key: 1 }, unique: true },
    ]);
  }

  /** Counts an attempt before it is made, so that many at once cannot slip through. @throws {TooManyRequests} */
  async attempt(email: string, address: string): Promise<void> {
    const network = networkOf(address);
    for (const { limiter, key } of this.limits) {
      try {
        await limiter.consume(digest(key(email, network)));
      } catch (refused) {
        if (!(refused instanceof RateLimiterRes)) throw refused;
        throw new TooManyRequests('too many attempts to sign in; wait and try again', refused.msBeforeNext / 1000);
      }
    }
  }

  /** A person who got in starts afresh; the address keeps its count, or one good account would hide guesses at others. */
  async succeeded(email: string, address: string): Promise<void> {
    const [pair] = this.limits;
    if (pair) await pair.limiter.delete(digest(pair.key(email, networkOf(address))));
  }
}

/** Neither emails nor addresses are kept. */
const digest = (key: string) => createHash('sha256').update(key).digest('base64url');
