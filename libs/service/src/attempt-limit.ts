import type { Connection } from 'mongoose';
import { RateLimiterMongo, RateLimiterRes } from 'rate-limiter-flexible';
import { TooManyRequests } from './errors.ts';

export interface AttemptLimitOptions {
  /** Where attempts are counted; `prepareAttempts` makes its indexes. */
  readonly collection: string;
  /** Tells the limits of one collection apart. */
  readonly name: string;
  readonly points: number;
  readonly minutes: number;
}

/** How often something may be tried, over all copies of the app: counted in MongoDB. */
export class AttemptLimit {
  private readonly limiter: RateLimiterMongo;

  constructor(connection: Connection, { collection, name, points, minutes }: AttemptLimitOptions) {
    this.limiter = new RateLimiterMongo({
      storeClient: connection,
      tableName: collection,
      keyPrefix: name,
      points,
      duration: minutes * 60,
      disableIndexesCreation: true, // it would print what fails; ours are made with the others
    });
  }

  /** Counts one before it is made, so that many at once cannot slip through. @throws {TooManyRequests} with this message */
  async count(key: string, refusal: string): Promise<void> {
    try {
      await this.limiter.consume(key);
    } catch (refused) {
      if (!(refused instanceof RateLimiterRes)) throw refused;
      throw new TooManyRequests(refusal, refused.msBeforeNext / 1000);
    }
  }

  /** Starts afresh. */
  async forget(key: string): Promise<void> {
    await this.limiter.delete(key);
  }
}

/** The indexes that the counting needs. */
export async function prepareAttempts(connection: Connection, collection: string): Promise<void> {
  await connection.collection(collection).createIndexes([
    { key: { expire: -1 }, expireAfterSeconds: 0 },
    { key: { key: 1 }, unique: true },
  ]);
}
