import { createHmac } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { AttemptLimit, CONFIG, mailboxOf, MONGO, networkOf, prepareAttempts } from '@caregate/service';
import { derivedSecret } from '@caregate/identity/directory-token';
import type { Connection } from 'mongoose';
import type { DirectoryConfig } from '../config.ts';

const COLLECTION = 'sign_up_attempts';

/**
 * Sign-up is open to everybody and costs a password hash, an account, and an email to whomever the newcomer names. So a network address has only
 * so many an hour, and an email too, over all copies.
 */
@Injectable()
export class SignUpLimit {
  private readonly byAddress: AttemptLimit;
  private readonly byEmail: AttemptLimit;
  private readonly secret: Buffer;

  constructor(@Inject(MONGO) connection: Connection, @Inject(CONFIG) config: DirectoryConfig) {
    this.secret = derivedSecret(config.DIRECTORY_SIGNING_KEY, 'caregate limits of sign-ups');
    const limit = (name: string, points: number) =>
      new AttemptLimit(connection, { collection: COLLECTION, name, points, minutes: 60 });
    this.byAddress = limit('address', config.SIGN_UPS_PER_HOUR);
    this.byEmail = limit('email', config.SIGN_UPS_PER_EMAIL);
  }

  static prepare(connection: Connection): Promise<void> {
    return prepareAttempts(connection, COLLECTION);
  }

  /** @throws {TooManyRequests} */
  async count(address: string, email: string): Promise<void> {
    await this.byAddress.count(
      this.hashed(networkOf(address)),
      'too many accounts were signed up from this address; try again later',
    );
    await this.byEmail.count(
      this.hashed(mailboxOf(email)),
      'too many accounts were signed up with this email; look into its mailbox, or try again later',
    );
  }

  /** Keyed, so that it tells nothing to whoever reads the database. */
  private hashed(text: string): string {
    return createHmac('sha256', this.secret).update(text).digest('base64url');
  }
}
