import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, MONGO, TooManyRequests } from '@caregate/service';
import type { UserId } from '@caregate/identity';
import type { Connection } from 'mongoose';
import { RateLimiterMongo, RateLimiterRes } from 'rate-limiter-flexible';
import type { ClinicApiConfig } from '../config.ts';

const COLLECTION = 'invite_attempts';

/**
 * Everybody can sign up, found clinics and name them as they like, and an invite sends that name to any address: without a limit we
 * would be a sender of whatever anybody wants to tell anybody. Counted by person, as clinics cost nothing, and over all copies.
 */
@Injectable()
export class InviteLimit {
  private readonly limiter: RateLimiterMongo;

  constructor(@Inject(MONGO) connection: Connection, @Inject(CONFIG) config: ClinicApiConfig) {
    this.limiter = new RateLimiterMongo({
      storeClient: connection,
      tableName: COLLECTION,
      keyPrefix: 'user',
      points: config.INVITES_PER_HOUR,
      duration: 3_600,
      disableIndexesCreation: true, // it would print what fails; ours are made with the others
    });
  }

  static async prepare(connection: Connection): Promise<void> {
    await connection.collection(COLLECTION).createIndexes([
      { key: { expire: -1 }, expireAfterSeconds: 0 },
      { key: { key: 1 }, unique: true },
    ]);
  }

  /** Before an email is asked for. @throws {TooManyRequests} */
  async count(invitedBy: UserId): Promise<void> {
    try {
      await this.limiter.consume(invitedBy);
    } catch (refused) {
      if (!(refused instanceof RateLimiterRes)) throw refused;
      throw new TooManyRequests(
        `there were more than ${this.limiter.points} invites by one person in an hour; wait as long as Retry-After says`,
        refused.msBeforeNext / 1000,
      );
    }
  }
}
