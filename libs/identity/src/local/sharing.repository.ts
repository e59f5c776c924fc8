import { randomBytes } from 'node:crypto';
import type { ClientSession, Connection } from 'mongoose';
import type { Permissions, RestrictedToken } from '../identity-service.ts';
import type { UserId } from '../user-id.ts';

/**
 * Direct sharing between two users, in the shape of the gatekeeper's `perms` (behaviour, "Gatekeeper"). It is kept in the clinic database,
 * moves with its account, and reaches the gatekeeper database by change data capture as all permissions do.
 */
interface SharingRecord {
  /** `sharerId:userId`, so that there is one for each pair. */
  _id: string;
  sharerId: UserId;
  userId: UserId;
  permissions: Permissions;
}

interface RestrictedTokenRecord extends Omit<RestrictedToken, 'id'> {
  _id: string;
}

const RESTRICTED_TOKEN_MS = 3_600_000;

/** What users let others see: legacy sharing, and tokens for some paths. */
export class SharingRepository {
  constructor(private readonly connection: Connection) {}

  static async prepare(connection: Connection): Promise<void> {
    await SharingRepository.prepareSharing(connection);
    await connection
      .collection('restricted_tokens')
      .createIndexes([{ key: { expirationTime: 1 }, expireAfterSeconds: 0 }, { key: { userId: 1 } }]);
  }

  static async prepareSharing(connection: Connection): Promise<void> {
    // sharersOf; forget
    await connection.collection('perms').createIndexes([{ key: { userId: 1 } }, { key: { sharerId: 1 } }]);
  }

  private get perms() {
    return this.connection.collection<SharingRecord>('perms');
  }

  private get tokens() {
    return this.connection.collection<RestrictedTokenRecord>('restricted_tokens');
  }

  async sharersOf(userId: UserId): Promise<Map<UserId, Permissions>> {
    const records = await this.perms.find({ userId }).toArray();
    return new Map(records.map(({ sharerId, permissions }) => [sharerId, permissions]));
  }

  /** What one user shares with another; empty for nothing. */
  async of(sharerId: UserId, userId: UserId, session: ClientSession): Promise<Permissions> {
    return (await this.perms.findOne({ _id: `${sharerId}:${userId}` }, { session }))?.permissions ?? {};
  }

  async set(sharerId: UserId, userId: UserId, permissions: Permissions, session: ClientSession): Promise<void> {
    const _id = `${sharerId}:${userId}`;
    if (Object.keys(permissions).length === 0) await this.perms.deleteOne({ _id }, { session });
    else await this.perms.replaceOne({ _id }, { sharerId, userId, permissions }, { upsert: true, session });
  }

  async createRestrictedToken(userId: UserId, paths: string[], expirationTime?: Date): Promise<RestrictedToken> {
    const createdTime = new Date();
    const token = {
      userId,
      paths,
      expirationTime: expirationTime ?? new Date(createdTime.getTime() + RESTRICTED_TOKEN_MS),
      createdTime,
    };
    const _id = randomBytes(16).toString('hex');
    await this.tokens.insertOne({ _id, ...token });
    return { id: _id, ...token };
  }

  async restrictedToken(id: string): Promise<RestrictedToken | undefined> {
    const record = await this.tokens.findOne({ _id: id, expirationTime: { $gt: new Date() } });
    if (!record) return undefined;
    const { _id, ...token } = record;
    return { id: _id, ...token };
  }

  /** Ends all sharing by and with a user. Gives how many were ended. */
  async forgetSharing(userId: UserId, session: ClientSession): Promise<number> {
    return (await this.perms.deleteMany({ $or: [{ sharerId: userId }, { userId }] }, { session })).deletedCount;
  }

  async forget(userId: UserId, session: ClientSession): Promise<void> {
    await this.forgetSharing(userId, session);
    await this.tokens.deleteMany({ userId }, { session });
  }
}
