import { Inject, Injectable } from '@nestjs/common';
import { AttemptLimit, CONFIG, MONGO, prepareAttempts } from '@caregate/service';
import type { UserId } from '@caregate/identity';
import type { Connection } from 'mongoose';
import type { ClinicApiConfig } from '../config.ts';

const COLLECTION = 'invite_attempts';

/**
 * Everybody can sign up, found clinics and name them as they like, and an invite sends that name to any address: without a limit we
 * would be a sender of whatever anybody wants to tell anybody. Counted by person, as clinics cost nothing, and over all copies.
 */
@Injectable()
export class InviteLimit {
  private readonly limit: AttemptLimit;

  constructor(
    @Inject(MONGO) connection: Connection,
    @Inject(CONFIG) private readonly config: ClinicApiConfig,
  ) {
    const points = config.INVITES_PER_HOUR;
    this.limit = new AttemptLimit(connection, { collection: COLLECTION, name: 'user', points, minutes: 60 });
  }

  static prepare(connection: Connection): Promise<void> {
    return prepareAttempts(connection, COLLECTION);
  }

  /** Before an email is asked for. @throws {TooManyRequests} */
  count(invitedBy: UserId): Promise<void> {
    return this.limit.count(
      invitedBy,
      `there were more than ${this.config.INVITES_PER_HOUR} invites by one person in an hour; wait as long as Retry-After says`,
    );
  }
}
