import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { inTransaction, isDuplicateKey, MONGO } from '@caregate/service';
import type { ShardId } from '@caregate/shard';
import type { Connection } from 'mongoose';
import type { AccountDocument } from '../accounts/account.ts';
import type { MoveDocument, MovePhase } from './move.ts';

export const LEASE_MS = 4_000;

export type MoveChange = { readonly [Field in keyof MoveDocument]?: MoveDocument[Field] | undefined };

/** The claim on a move was lost: somebody else works at it. */
export class ClaimLost extends Error {
  override readonly name = 'ClaimLost';
}

@Injectable()
export class MovesRepository {
  constructor(@Inject(MONGO) private readonly connection: Connection) {}

  static async prepare(connection: Connection): Promise<void> {
    await connection.collection('moves').createIndexes([
      // one move of an account at a time
      { key: { accountId: 1 }, unique: true, partialFilterExpression: { open: true }, name: 'one_at_a_time' },
      // claim
      { key: { notBefore: 1 }, partialFilterExpression: { running: true }, name: 'running' },
      // ofAccount
      { key: { accountId: 1, startedTime: -1 }, name: 'of_account' },
    ]);
  }

  private get moves() {
    return this.connection.collection<MoveDocument>('moves');
  }

  private get accounts() {
    return this.connection.collection<AccountDocument>('accounts');
  }

  async byId(_id: string): Promise<MoveDocument | undefined> {
    return (await this.moves.findOne({ _id })) ?? undefined;
  }

  ofAccount(accountId: string): Promise<MoveDocument[]> {
    return this.moves.find({ accountId }).sort({ startedTime: -1 }).limit(100).toArray();
  }

  /** Begins a move, held by whoever begins it; false when another move of the account is open, or it lives elsewhere. */
  async begin(move: MoveDocument): Promise<boolean> {
    try {
      return await inTransaction(this.connection, async (session) => {
        const { matchedCount } = await this.accounts.updateOne(
          { _id: move.accountId, shard: move.from, state: { $nin: ['placing', 'unconfirmed'] } },
          { $set: { state: 'moving', updatedTime: move.startedTime } },
          { session },
        );
        if (matchedCount === 0) return false;
        await this.moves.insertOne(move, { session });
        return true;
      });
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      throw error;
    }
  }

  /** Takes a move that is due and that nobody works at. */
  async claim(now: Date): Promise<MoveDocument | undefined> {
    const claimed = await this.moves.findOneAndUpdate(
      {
        running: true,
        notBefore: { $lte: now },
        $or: [{ leaseUntil: { $exists: false } }, { leaseUntil: { $lte: now } }],
      },
      { $set: { claim: randomUUID(), leaseUntil: new Date(now.getTime() + LEASE_MS) }, $inc: { claims: 1 } },
      { sort: { notBefore: 1 }, returnDocument: 'after' },
    );
    return claimed ?? undefined;
  }

  async renew({ _id, claim }: MoveDocument): Promise<void> {
    await this.moves.updateOne({ _id, claim: claim ?? '' }, { $set: { leaseUntil: new Date(Date.now() + LEASE_MS) } });
  }

  /**
   * Records a step; a field that is undefined is taken away.
   * @throws {ClaimLost}
   */
  async record(move: MoveDocument, change: MoveChange): Promise<MoveDocument> {
    const updated = await this.moves.findOneAndUpdate(
      { _id: move._id, claim: move.claim ?? '' },
      updateOf(move, change),
      {
        returnDocument: 'after',
      },
    );
    if (!updated) throw new ClaimLost();
    return updated;
  }

  /**
   * Says that the account lives on the other shard: the one moment at which it moves. Undefined when it is to be cancelled instead.
   * @throws {ClaimLost}
   */
  flip(move: MoveDocument, region: string, change: MoveChange): Promise<MoveDocument | undefined> {
    const { _id, accountId, from, to, claim = '' } = move;
    const now = new Date();
    return inTransaction(this.connection, async (session) => {
      const flipped = await this.moves.findOneAndUpdate(
        { _id, claim, cancelWanted: { $exists: false }, movedTime: { $exists: false } },
        updateOf(move, { ...change, movedTime: now, open: undefined }),
        { session, returnDocument: 'after' },
      );
      if (!flipped) {
        if (await this.moves.findOne({ _id, claim }, { session })) return undefined;
        throw new ClaimLost();
      }
      const { matchedCount } = await this.accounts.updateOne(
        { _id: accountId, shard: from },
        { $set: { shard: to, region, state: 'active', updatedTime: now } },
        { session },
      );
      if (matchedCount === 0) throw new Error('the account does not live where it moves from');
      return flipped;
    });
  }

  /** The account stays where it is. */
  async stays(accountId: string, shard: ShardId): Promise<void> {
    await this.accounts.updateOne(
      { _id: accountId, shard, state: 'moving' },
      { $set: { state: 'active', updatedTime: new Date() } },
    );
  }

  /** Asks that a move be given up; false once the account has moved. */
  async wantCancelled(_id: string): Promise<boolean> {
    const { matchedCount } = await this.moves.updateOne(
      { _id, open: true, movedTime: { $exists: false } },
      { $set: { cancelWanted: true, notBefore: new Date() } },
    );
    return matchedCount === 1;
  }

  async hurry(_id: string): Promise<boolean> {
    const { matchedCount } = await this.moves.updateOne(
      { _id, running: true },
      { $set: { notBefore: new Date(), failures: 0 } },
    );
    return matchedCount === 1;
  }

  /** Moves away from a shard to which the account comes back: nothing of theirs is left to be done. */
  async endEarlier(accountId: string, from: ShardId): Promise<void> {
    await this.moves.updateMany(
      { accountId, from, running: true, movedTime: { $exists: true } },
      { $set: { phase: 'done', updatedTime: new Date() }, $unset: { running: 1, claim: 1, leaseUntil: 1 } },
    );
  }

  async countRunning(): Promise<number> {
    return this.moves.countDocuments({ running: true });
  }
}

function updateOf(move: MoveDocument, change: MoveChange) {
  const $set: Record<string, unknown> = { updatedTime: new Date() };
  const $unset: Record<string, ''> = {};
  for (const [field, value] of Object.entries(change)) {
    if (value === undefined) $unset[field] = '';
    else $set[field] = value;
  }
  const next: MovePhase | undefined = change.phase;
  return {
    $set,
    ...(Object.keys($unset).length > 0 && { $unset }),
    ...(next !== undefined && next !== move.phase && { $push: { history: { phase: next, time: new Date() } } }),
  };
}
