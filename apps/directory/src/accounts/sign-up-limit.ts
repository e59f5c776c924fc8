import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, MONGO, networkOf, TooManyRequests } from '@caregate/service';
import type { Connection } from 'mongoose';
import { RateLimiterMongo, RateLimiterRes } from 'rate-limiter-flexible';
import type { DirectoryConfig } from '../config.ts';

const COLLECTION = 'sign_up_attempts';

/** Sign-up is open to everybody and costs a password hash and an account, so an address has only so many an hour, over all copies. */
@Injectable()
export class SignUpLimit {
  private readonly limiter: RateLimiterMongo;

  constructor(@Inject(MONGO) connection: Connection, @Inject(CONFIG) config: DirectoryConfig) {
    this.limiter = new RateLimiterMongo({
      storeClient: connection,
      tableName: COLLECTION,
      keyPrefix: 'address',
      points: config.SIGN_UPS_PER_HOUR,
      duration: 3_600,
      disableIndexesCreation: true,
    });
  }

  static async prepare(connection: Connection): Promise<void> {
    await connection.collection(COLLECTION).createIndexes([
      { key: { expire: -1 }, expireAfterSeconds: 0 },
      { key: { key: 1 }, unique: true },
    ]);
  }

  /** @throws {TooManyRequests} */
  async count(address: string): Promise<void> {
    try {
      await this.limiter.consume(createHash('sha256').update(networkOf(address)).digest('base64url'));
    } catch (refused) {
      if (!(refused instanceof RateLimiterRes)) throw refused;
      throw new TooManyRequests(
        'too many accounts were signed up from this address; try again later',
        refused.msBeforeNext / 1000,
      );
    }
  }
}
