import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { AttemptLimit, CONFIG, MONGO, networkOf, prepareAttempts } from '@caregate/service';
import type { Connection } from 'mongoose';
import type { DirectoryConfig } from '../config.ts';

const COLLECTION = 'sign_up_attempts';

/** Sign-up is open to everybody and costs a password hash and an account, so an address has only so many an hour, over all copies. */
@Injectable()
export class SignUpLimit {
  private readonly limit: AttemptLimit;

  constructor(@Inject(MONGO) connection: Connection, @Inject(CONFIG) config: DirectoryConfig) {
    const points = config.SIGN_UPS_PER_HOUR;
    this.limit = new AttemptLimit(connection, { collection: COLLECTION, name: 'address', points, minutes: 60 });
  }

  static prepare(connection: Connection): Promise<void> {
    return prepareAttempts(connection, COLLECTION);
  }

  /** @throws {TooManyRequests} */
  count(address: string): Promise<void> {
    return this.limit.count(
      createHash('sha256').update(networkOf(address)).digest('base64url'),
      'too many accounts were signed up from this address; try again later',
    );
  }
}
