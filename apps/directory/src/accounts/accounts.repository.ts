import { Inject, Injectable } from '@nestjs/common';
import { isDuplicateKey, MONGO } from '@caregate/service';
import { isShardId, type ShardId, type Subdomain } from '@caregate/shard';
import type { Connection } from 'mongoose';
import type { AccountDocument, AccountsPage } from './account.ts';

@Injectable()
export class AccountsRepository {
  constructor(@Inject(MONGO) private readonly connection: Connection) {}

  static async prepare(connection: Connection): Promise<void> {
    await connection.collection('accounts').createIndexes([
      // one account has a subdomain, over all shards; page
      { key: { subdomain: 1 }, unique: true },
      // countByShard, from the index alone; page of a shard
      { key: { shard: 1, subdomain: 1 } },
      // claimPending
      { key: { 'pending.until': 1 }, sparse: true },
      // claimUnconfirmed
      { key: { askTime: 1 }, sparse: true },
      // forgetRepeats
      { key: { 'repeat.until': 1 }, sparse: true },
    ]);
  }

  private get accounts() {
    return this.connection.collection<AccountDocument>('accounts');
  }

  async bySubdomain(subdomain: Subdomain): Promise<AccountDocument | undefined> {
    return (await this.accounts.findOne({ subdomain })) ?? undefined;
  }

  /** By subdomain. */
  page({ shard, state, after, limit }: AccountsPage): Promise<AccountDocument[]> {
    const which = {
      ...(shard !== undefined && { shard }),
      ...(state !== undefined && { state }),
      ...(after !== undefined && { subdomain: { $gt: after } }),
    };
    return this.accounts.find(which).sort({ subdomain: 1 }).limit(limit).toArray();
  }

  /** Says whether it was inserted: not, when another account has the subdomain. */
  async insert(account: AccountDocument): Promise<boolean> {
    try {
      await this.accounts.insertOne(account);
      return true;
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      throw error;
    }
  }

  /** How many accounts live on each shard that has any. Counted and not kept: sign-ups are rare, and a count cannot drift. */
  async countByShard(): Promise<ReadonlyMap<ShardId, number>> {
    const counts = await this.accounts
      .aggregate<{ _id: string; accounts: number }>([
        { $sort: { shard: 1 } },
        { $group: { _id: '$shard', accounts: { $sum: 1 } } },
      ])
      .toArray();
    return new Map(counts.flatMap(({ _id, accounts }) => (isShardId(_id) ? [[_id, accounts]] : [])));
  }

  /** Takes one account that the shard is still to be told of and that nobody is at; nobody else gets it before `until`. */
  async claimPending(now: Date, until: Date): Promise<AccountDocument | undefined> {
    const claimed = await this.accounts.findOneAndUpdate(
      { 'pending.until': { $lte: now } },
      { $set: { 'pending.until': until }, $inc: { 'pending.attempts': 1 } },
      { sort: { 'pending.until': 1 }, returnDocument: 'after' },
    );
    return claimed ?? undefined;
  }

  async postpone(_id: string, until: Date): Promise<void> {
    await this.accounts.updateOne({ _id, pending: { $exists: true } }, { $set: { 'pending.until': until } });
  }

  /** The shard knows the account; what only the shard has to know is forgotten here. */
  async noteKnown(_id: string, state: 'unconfirmed' | 'active', askTime: Date): Promise<void> {
    await this.accounts.updateOne(
      { _id, state: 'placing' },
      {
        $set: { state, updatedTime: new Date(), ...(state === 'unconfirmed' && { askTime }) },
        $unset: { pending: 1 },
      },
    );
  }

  /** Takes one unconfirmed account that the shard is to be asked about; nobody else gets it before `askTime`. */
  async claimUnconfirmed(now: Date, askTime: Date): Promise<AccountDocument | undefined> {
    const claimed = await this.accounts.findOneAndUpdate(
      { askTime: { $lte: now } },
      { $set: { askTime } },
      { sort: { askTime: 1 }, returnDocument: 'after' },
    );
    return claimed ?? undefined;
  }

  async noteConfirmed(_id: string): Promise<void> {
    await this.accounts.updateOne(
      { _id, state: 'unconfirmed' },
      { $set: { state: 'active', updatedTime: new Date() }, $unset: { askTime: 1 } },
    );
  }

  /** The shard refused the account, or nobody confirmed it in time: its subdomain is free again. */
  async remove(_id: string, state: 'placing' | 'unconfirmed'): Promise<void> {
    await this.accounts.deleteOne({ _id, state });
  }

  async forgetRepeats(now: Date): Promise<void> {
    await this.accounts.updateMany({ 'repeat.until': { $lte: now } }, { $unset: { repeat: 1 } });
  }

  async countPending(): Promise<number> {
    return this.accounts.countDocuments({ 'pending.until': { $exists: true } });
  }
}
