import { Inject, Injectable } from '@nestjs/common';
import {
  type AccountDocument,
  type AccountId,
  type ApiKeyDocument,
  CLINIC_MODELS,
  type ClinicModels,
  type Moved,
  newObjectId,
} from '@caregate/clinic-model';
import { Forbidden, inTransaction, isDuplicateKey, MONGO } from '@caregate/service';
import type { Connection } from 'mongoose';
import { WORKING_KEY } from '../quotas/quotas.repository.ts';

const USE_IS_NOTED_EVERY_MS = 60_000;

const DAY_MS = 86_400_000;

/** Of one account. */
export interface KeysMade {
  readonly working: number;
  /** Made in the last 24 hours, revoked ones too. */
  readonly ofToday: number;
}

@Injectable()
export class ApiKeysRepository {
  constructor(
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    @Inject(MONGO) private readonly connection: Connection,
  ) {}

  /**
   * In one transaction with a look at the account, so that no key is made as its owner is deleted.
   * @throws {Forbidden} when the account has no owner any more
   */
  async insert(key: ApiKeyDocument, assertRoom: (has: KeysMade) => void = () => {}): Promise<void> {
    await inTransaction(this.connection, async (session) => {
      const { matchedCount } = await this.models.accounts.updateOne(
        { _id: key.accountId, ownerDeletedTime: { $exists: false } },
        { $inc: { turn: 1 } },
        { session },
      );
      if (matchedCount === 0) throw new Forbidden('the account has no owner any more, so that nobody makes keys of it');
      const { accountId } = key;
      const count = (filter: object) => this.models.apiKeys.countDocuments({ accountId, ...filter }).session(session);
      const createdTime = { $gt: new Date(Date.now() - DAY_MS) };
      assertRoom({ working: await count(WORKING_KEY), ofToday: await count({ createdTime }) });
      await this.models.apiKeys.create([key], { session });
    });
  }

  /** False when there is a key with this secret already, whosever it is. */
  async insertNew(key: ApiKeyDocument): Promise<boolean> {
    try {
      await this.insert(key);
      return true;
    } catch (error) {
      if (isDuplicateKey(error, 'secretHash')) return false;
      throw error;
    }
  }

  bySecret(secretHash: string): Promise<ApiKeyDocument | null> {
    return this.models.apiKeys.findOne({ secretHash }).lean<ApiKeyDocument>();
  }

  /** Where the account of a key went that is not here any more. */
  async whereMoved(secretHash: string): Promise<Moved | undefined> {
    const filter = { 'moved.keys': secretHash, 'moved.moveId': { $exists: true } };
    return (await this.models.accounts.findOne(filter, { moved: 1 }).lean<Pick<AccountDocument, 'moved'>>())?.moved;
  }

  /** Newest first. */
  ofAccount(accountId: AccountId): Promise<ApiKeyDocument[]> {
    return this.models.apiKeys.find({ accountId }).sort({ createdTime: -1, _id: -1 }).lean<ApiKeyDocument[]>();
  }

  /** Notes a use at most once a minute, so that reading does not mean writing. */
  async noteUse({ _id, lastUsedTime }: ApiKeyDocument): Promise<void> {
    const now = new Date();
    if (lastUsedTime && now.getTime() - lastUsedTime.getTime() < USE_IS_NOTED_EVERY_MS) return;
    await this.models.apiKeys.updateOne({ _id }, { $set: { lastUsedTime: now } });
  }

  /** Gives a key a new secret. `assertRoom` is told how many replaced ones of the account still work. Until `graceEnds` the old one works beside it, as a key of its own; without it, no older one works any more. */
  replaceSecret(
    accountId: AccountId,
    _id: string,
    secret: Pick<ApiKeyDocument, 'secretHash' | 'last4'>,
    graceEnds: Date | undefined,
    assertRoom: (replaced: number) => void,
  ): Promise<ApiKeyDocument | null> {
    return inTransaction(this.connection, async (session) => {
      const old = await this.models.apiKeys
        .findOneAndUpdate({ _id, accountId, ...WORKING_KEY }, { $set: secret }, { session })
        .lean<ApiKeyDocument>();
      if (!old) return null;
      if (graceEnds) {
        const replaced = { accountId, expiresTime: { $gt: new Date() }, revokedTime: { $exists: false } };
        assertRoom(await this.models.apiKeys.countDocuments(replaced).session(session));
        const kept = { ...old, _id: newObjectId().toHexString(), replacedBy: _id, expiresTime: graceEnds };
        await this.models.apiKeys.create([kept], { session });
      } else {
        const now = new Date();
        await this.models.apiKeys.updateMany(
          { accountId, replacedBy: _id, expiresTime: { $gt: now } },
          { $set: { expiresTime: now } },
          { session },
        );
      }
      return { ...old, ...secret };
    });
  }

  /** Revokes a key and what it has replaced. */
  async revoke(accountId: AccountId, _id: string): Promise<boolean> {
    return inTransaction(this.connection, async (session) => {
      const { matchedCount } = await this.models.apiKeys.updateMany(
        { accountId, $or: [{ _id }, { replacedBy: _id }], revokedTime: { $exists: false } },
        { $set: { revokedTime: new Date() } },
        { session },
      );
      return matchedCount > 0;
    });
  }
}
