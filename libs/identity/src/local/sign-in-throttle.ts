import { createHmac, hkdfSync } from 'node:crypto';
import { AttemptLimit, networkOf, prepareAttempts } from '@caregate/service';
import type { Connection } from 'mongoose';
import { KnownPlaces } from './known-places.ts';

const COLLECTION = 'sign_in_attempts';

/**
 * Slows down guessing, over all copies of the app: few attempts for one email from one address, more for an address, and more for an email from
 * anywhere. Where somebody has signed in lately, guesses from elsewhere do not count, or a stranger with many addresses could keep them out.
 */
export class SignInThrottle {
  private readonly ofEmailAndAddress: AttemptLimit;
  private readonly ofAddress: AttemptLimit;
  private readonly ofEmail: AttemptLimit;
  private readonly places: KnownPlaces;
  private readonly key: Buffer;

  constructor(connection: Connection, { shardId, secret }: { readonly shardId: string; readonly secret: string }) {
    this.key = Buffer.from(hkdfSync('sha256', secret, shardId, 'caregate limits of sign-ins', 32));
    const limit = (name: string, points: number, minutes: number) =>
      new AttemptLimit(connection, { collection: COLLECTION, name, points, minutes });
    this.ofEmailAndAddress = limit('email-and-address', 10, 15);
    this.ofAddress = limit('address', 100, 15);
    this.ofEmail = limit('email', 100, 60);
    this.places = new KnownPlaces(connection);
  }

  static async prepare(connection: Connection): Promise<void> {
    await prepareAttempts(connection, COLLECTION);
    await KnownPlaces.prepare(connection);
  }

  /** Counts an attempt before it is made, so that many at once cannot slip through. @throws {TooManyRequests} */
  async attempt(email: string, address: string): Promise<void> {
    const place = this.place(email, address);
    await this.ofEmailAndAddress.count(place, REFUSAL);
    await this.ofAddress.count(this.hashed(networkOf(address)), REFUSAL);
    if (!(await this.places.has(place))) await this.ofEmail.count(this.hashed(email), REFUSAL);
  }

  /** A person who got in starts afresh; the address keeps its count, or one good account would hide guesses at others. */
  async succeeded(email: string, address: string): Promise<void> {
    const place = this.place(email, address);
    await this.ofEmailAndAddress.forget(place);
    await this.places.add(place);
  }

  private place(email: string, address: string): string {
    return this.hashed(`${email} ${networkOf(address)}`);
  }

  /** Neither emails nor addresses are kept, and nobody who reads the database can try some out. */
  private hashed(key: string): string {
    return createHmac('sha256', this.key).update(key).digest('base64url');
  }
}

const REFUSAL = 'too many attempts to sign in; wait and try again';
