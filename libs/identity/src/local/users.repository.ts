import { randomBytes } from 'node:crypto';
import { Conflict, isDuplicateKey } from '@caregate/service';
import type { ClientSession, Connection } from 'mongoose';
import type { Owner, Profile, User, UserUpdate } from '../identity-service.ts';
import { isUserId, type UserId } from '../user-id.ts';

/** A user as kept in the collection `users` of the shard. */
export interface UserRecord {
  _id: UserId;
  email?: string;
  /** The email as compared: one user in any case of letters. */
  emailKey?: string;
  /** In its place where another user of the shard had that email when a move brought this one. */
  sharedEmailKey?: string;
  emailVerified: boolean;
  passwordHash?: string;
  roles: string[];
  profile?: Profile;
  /** Which clinic made the account, for a custodial user. */
  custodianClinicId?: string;
  /** Counts the times that all sessions were ended. */
  sessionEpoch: number;
  /** Of a service account: its client id and the SHA-256 of its secret, which is random and long. */
  clientId?: string;
  clientSecretHash?: string;
  createdTime: Date;
  updatedTime: Date;
}

/** Each is one more password hash for an attempt to sign in. */
const MOST_SHARING = 4;

type NewUser = Partial<Omit<UserRecord, '_id' | 'emailKey' | 'sharedEmailKey' | 'createdTime' | 'updatedTime'>>;

export class UsersRepository {
  constructor(private readonly connection: Connection) {}

  static async prepare(connection: Connection): Promise<void> {
    await connection.collection('users').createIndexes([
      // findUser by email; at most one user has an email
      { key: { emailKey: 1 }, unique: true, partialFilterExpression: { emailKey: { $type: 'string' } } },
      // byEmailAlso
      { key: { sharedEmailKey: 1 }, partialFilterExpression: { sharedEmailKey: { $type: 'string' } } },
      // serviceAccountUser
      { key: { clientId: 1 }, unique: true, partialFilterExpression: { clientId: { $type: 'string' } } },
    ]);
  }

  private get users() {
    return this.connection.collection<UserRecord>('users');
  }

  async byId(userId: UserId, session?: ClientSession): Promise<UserRecord | undefined> {
    return (await this.users.findOne({ _id: userId }, session && { session })) ?? undefined;
  }

  async byEmail(email: string): Promise<UserRecord | undefined> {
    return (await this.users.findOne({ emailKey: emailKey(email) })) ?? undefined;
  }

  /** Users whom a move brought and whose email another had already: they sign in by it too, each with their own password. */
  async byEmailAlso(email: string): Promise<UserRecord[]> {
    return this.users
      .find({ sharedEmailKey: emailKey(email) })
      .sort({ _id: 1 })
      .limit(MOST_SHARING)
      .toArray();
  }

  async byClientId(clientId: string): Promise<UserRecord | undefined> {
    return (await this.users.findOne({ clientId })) ?? undefined;
  }

  async sessionEpoch(userId: UserId): Promise<number | undefined> {
    return (await this.users.findOne({ _id: userId }, { projection: { sessionEpoch: 1 } }))?.sessionEpoch;
  }

  /** @throws {Conflict} when the email is taken */
  async insert(user: NewUser, session?: ClientSession): Promise<UserRecord> {
    for (;;) {
      const now = new Date();
      const record: UserRecord = {
        _id: drawUserId(),
        emailVerified: false,
        roles: [],
        sessionEpoch: 0,
        ...user,
        ...(user.email !== undefined && { emailKey: emailKey(user.email) }),
        createdTime: now,
        updatedTime: now,
      };
      try {
        await this.users.insertOne(record, session && { session });
        return record;
      } catch (error) {
        if (!isDuplicateKey(error)) throw error;
        if (session || !isDuplicateKey(error, '_id')) throw new Conflict('a user with this email exists already');
      }
    }
  }

  /** @throws {Conflict} when the email belongs to another */
  async update(
    userId: UserId,
    { email, ...update }: UserUpdate,
    session: ClientSession,
  ): Promise<UserRecord | undefined> {
    const change = { ...update, ...(email !== undefined && { email, emailKey: emailKey(email) }) };
    return this.change(userId, change, session);
  }

  /** False when there is no such user, or they sign in with their email. */
  async removeEmail(userId: UserId, session: ClientSession): Promise<boolean> {
    const { matchedCount } = await this.users.updateOne(
      { _id: userId, passwordHash: { $exists: false } },
      {
        $unset: { email: '', emailKey: '', sharedEmailKey: '' },
        $set: { emailVerified: false, updatedTime: new Date() },
      },
      { session },
    );
    return matchedCount > 0;
  }

  /**
   * Gives a user whom a clinic looks after the password and the name of the person who proved the address; false when they have a password
   * by now. The name that the clinic gave them is the clinic's, and stays on its record.
   */
  async setFirstPassword(userId: UserId, { email, fullName, passwordHash }: Owner): Promise<boolean> {
    const { matchedCount } = await this.users.updateOne(
      { _id: userId, emailKey: emailKey(email), passwordHash: { $exists: false } },
      { $set: { passwordHash, emailVerified: true, 'profile.fullName': fullName, updatedTime: new Date() } },
    );
    return matchedCount > 0;
  }

  async verifyEmail(userId: UserId, email: string): Promise<void> {
    await this.users.updateOne(
      { _id: userId, emailKey: emailKey(email) },
      { $set: { emailVerified: true, updatedTime: new Date() } },
    );
  }

  /** Takes an address, with all sessions, from a user who never proved it. */
  async releaseEmail(userId: UserId, email: string, session: ClientSession): Promise<void> {
    await this.users.updateOne(
      { _id: userId, emailKey: emailKey(email), emailVerified: false },
      { $unset: { email: '', emailKey: '' }, $inc: { sessionEpoch: 1 }, $set: { updatedTime: new Date() } },
      { session },
    );
  }

  async saveProfile(userId: UserId, profile: Profile, session: ClientSession): Promise<UserRecord | undefined> {
    return this.change(userId, { profile }, session);
  }

  /** False when there is no such user, or they have a password. */
  async saveCustodialProfile(userId: UserId, profile: Profile, session: ClientSession): Promise<boolean> {
    const { matchedCount } = await this.users.updateOne(
      { _id: userId, passwordHash: { $exists: false } },
      { $set: { profile, updatedTime: new Date() } },
      { session },
    );
    return matchedCount > 0;
  }

  /** Puts a new hash of the same password in the place of the one that was read, unless the password was changed meanwhile. */
  async rehash(userId: UserId, from: string, to: string): Promise<void> {
    await this.users.updateOne(
      { _id: userId, passwordHash: from },
      { $set: { passwordHash: to, updatedTime: new Date() } },
    );
  }

  async endSessions(userId: UserId): Promise<void> {
    await this.users.updateOne({ _id: userId }, { $inc: { sessionEpoch: 1 } });
  }

  async delete(userId: UserId, session: ClientSession): Promise<void> {
    await this.users.deleteOne({ _id: userId }, { session });
  }

  /** Deletes a user whom a clinic made and who has never signed in. Says whether there was one. */
  async deleteCustodial(userId: UserId, session: ClientSession): Promise<boolean> {
    const custodial = { custodianClinicId: { $exists: true }, passwordHash: { $exists: false } };
    return (await this.users.deleteOne({ _id: userId, ...custodial }, { session })).deletedCount === 1;
  }

  private async change(
    userId: UserId,
    change: Partial<UserRecord>,
    session: ClientSession,
  ): Promise<UserRecord | undefined> {
    try {
      const $set = { ...change, updatedTime: new Date() };
      const ownEmail = change.emailKey !== undefined && { $unset: { sharedEmailKey: '' as const } };
      const options = { returnDocument: 'after', session } as const;
      return (await this.users.findOneAndUpdate({ _id: userId }, { $set, ...ownEmail }, options)) ?? undefined;
    } catch (error) {
      if (isDuplicateKey(error)) throw new Conflict('a user with this email exists already');
      throw error;
    }
  }
}

export function toUser({ _id, email, roles, emailVerified, passwordHash }: UserRecord): User {
  const hasPassword = passwordHash !== undefined;
  return { userId: _id, roles, emailVerified, hasPassword, ...(email !== undefined && { email }) };
}

/** An email as compared: one person types it in many ways. */
export const emailKey = (email: string) => email.normalize('NFKC').trim().toLowerCase();

function drawUserId(): UserId {
  const id = randomBytes(5).toString('hex');
  if (!isUserId(id)) throw new Error('five bytes are ten hexadecimal digits');
  return id;
}
