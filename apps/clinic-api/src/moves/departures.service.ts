import { Inject, Injectable } from '@nestjs/common';
import {
  type AccountDocument,
  type AccountId,
  allHeardOf,
  announced,
  type ArrivalDocument,
  ARRIVALS,
  type Belonging,
  belongingOf,
  BELONGINGS,
  forgetSilentWriters,
  newNotice,
  stripArchives,
} from '@caregate/clinic-model';
import { Conflict, MONGO, NotFound, ServiceUnavailable } from '@caregate/service';
import type { ClientSession, Connection } from 'mongoose';
import { packed } from './batch.ts';
import { BelongingsRepository, puts } from './belongings.repository.ts';
import { ChangesRepository } from './changes.repository.ts';
import { type ClaimedMove, MoveClaims } from './move-claims.ts';
import { UnfinishedReactions } from './unfinished-reactions.ts';

export interface Destination {
  readonly shard: string;
  readonly accountUrl: string;
  readonly apiUrl: string;
}

export interface FenceWanted {
  readonly fenceId: string;
  readonly forMs: number;
  readonly withinMs: number;
}

export interface FingerprintsWanted {
  readonly collection: string;
  readonly ids?: readonly string[];
  readonly after?: string;
  readonly until?: string;
  readonly limit: number;
  readonly counted: boolean;
}

/** Packed, with the users that are named, well below what a request may hold. */
const PAGE_BYTES = 1_000_000;
const PAGE_DOCUMENTS = 500;
const PURGE_MS = 3_000;

/** What this shard does for the directory when an account moves away from here (design, decision 9). */
@Injectable()
export class DeparturesService {
  constructor(
    @Inject(MONGO) private readonly connection: Connection,
    private readonly belongings: BelongingsRepository,
    private readonly changesOf: ChangesRepository,
    private readonly claims: MoveClaims,
    private readonly reactions: UnfinishedReactions,
  ) {}

  async begin(accountId: AccountId) {
    const { subdomain, name, ownerUserId, createdTime } = await this.accountHere(accountId);
    const token = await this.changesOf.now();
    await stripArchives(this.connection); // or those of earlier versions would be left behind
    const scope = await this.belongings.scopeOf(accountId);
    const collections = await Promise.all(
      BELONGINGS.map(async (belonging) => ({
        collection: belonging.collection,
        count: await this.belongings.count(belonging, scope),
        late: belonging.late === true,
      })),
    );
    return { account: { subdomain, name, ownerUserId, createdTime }, token, collections };
  }

  async documents(accountId: AccountId, collection: string, after: string | undefined) {
    const belonging = known(collection);
    const scope = await this.belongings.scopeOf(accountId);
    let [bytes, count] = [0, 0];
    const { documents, next } = await this.belongings.page(belonging, scope, { after }, (size) => {
      bytes += size;
      count += 1;
      return bytes >= PAGE_BYTES || count >= PAGE_DOCUMENTS;
    });
    const users = await this.belongings.usersNamedIn(belonging, documents);
    const owner = after === undefined && collection === 'clinics' ? await this.owner(accountId) : [];
    return {
      batch: await packed([...puts(belonging, documents), ...users, ...owner]),
      count: documents.length,
      ...(next !== undefined && { next }),
    };
  }

  changes(accountId: AccountId, after: string, lateOnly: boolean) {
    return this.changesOf.since(accountId, after, lateOnly);
  }

  async fingerprints(accountId: AccountId, { collection, ids, after, until, limit, counted }: FingerprintsWanted) {
    const belonging = known(collection);
    const scope = await this.belongings.scopeOf(accountId);
    const [found, count] = await Promise.all([
      ids
        ? this.belongings.fingerprintsOf(belonging, scope, ids).then((documents) => ({ documents }))
        : this.belongings.fingerprints(belonging, scope, { after, until }, limit),
      counted && !belonging.expires ? this.belongings.count(belonging, scope) : undefined,
    ]);
    return { ...found, ...(count !== undefined && { count }) };
  }

  /**
   * Keeps writers out, on every copy of every app, and waits until none is inside.
   * @throws {ServiceUnavailable} when that takes too long, or the worker has something left to do: then they are let in again
   */
  async fence(accountId: AccountId, move: ClaimedMove, { fenceId, forMs, withinMs }: FenceWanted): Promise<void> {
    await this.reactions.assertNone(accountId);
    await forgetSilentWriters(this.connection);
    if (!(await allHeardOf(this.connection)))
      throw new ServiceUnavailable('a copy of an app was not heard of for some seconds; try again');
    const until = { $add: ['$$NOW', forMs] };
    const fenced = await this.claims.under(move, (session) =>
      this.accounts.findOneAndUpdate(
        {
          _id: accountId,
          'moved.moveId': { $exists: false },
          $or: [{ fence: { $exists: false } }, { 'fence.moveId': move.moveId, 'fence.sealed': { $ne: true } }],
        },
        [
          {
            $set: {
              fence: { id: fenceId, moveId: move.moveId, until },
              notice: fenceId,
              notices: { $add: [{ $ifNull: ['$notices', 0] }, 1] },
            },
          },
        ],
        { session },
      ),
    );
    if (!fenced) throw await this.whyNotFenced(accountId);
    if (!(await announced(this.connection, fenceId, withinMs))) {
      await this.lift(accountId, { 'fence.id': fenceId });
      throw new ServiceUnavailable('writes are under way that take too long just now; try again');
    }
    await this.reactions.assertNone(accountId).catch(async (error: unknown) => {
      await this.lift(accountId, { 'fence.id': fenceId }); // the worker cannot go on before
      throw error;
    });
    // This very update is seen in the change stream, after all that was written before.
    const { matchedCount } = await this.accounts.updateOne(
      { _id: accountId, 'fence.id': fenceId },
      { $set: { 'fence.drained': true } },
    );
    if (matchedCount === 0) throw new ServiceUnavailable('the fence has lifted already; try again');
  }

  /** @throws {Conflict} when the fence has lifted by itself */
  async seal(accountId: AccountId, move: ClaimedMove, fenceId: string): Promise<void> {
    const { matchedCount } = await this.claims.under(move, (session) =>
      this.accounts.updateOne(
        { _id: accountId, 'fence.id': fenceId, 'fence.drained': true },
        { $set: { 'fence.sealed': true } },
        { session },
      ),
    );
    if (matchedCount === 0) throw new Conflict('the fence has lifted: writes may have been accepted since');
  }

  /** @throws {Conflict} once the account has moved */
  async cancel(accountId: AccountId, move: ClaimedMove): Promise<void> {
    await this.claims.under(move, async (session) => {
      const account = await this.accounts.findOne({ _id: accountId }, { session });
      if (account?.moved?.moveId === move.moveId) throw new Conflict('the account has moved already');
      await this.lift(accountId, { 'fence.moveId': move.moveId }, session);
    });
  }

  /** Can be repeated. Waits until each copy knows, so that none takes the account for one of its own. */
  async complete(accountId: AccountId, move: ClaimedMove, destination: Destination): Promise<void> {
    const { moveId } = move;
    const account = await this.accounts.findOne({ _id: accountId });
    if (account?.moved?.moveId === moveId) return;
    if (account?.fence?.moveId !== moveId || !account.fence.sealed)
      throw new Conflict('the account is not sealed by this move');
    const [scope, keys] = await Promise.all([
      this.belongings.scopeOf(accountId),
      this.belongings
        .collection('api_keys')
        .find({ accountId, revokedTime: { $exists: false } })
        .toArray(),
    ]);
    const notice = newNotice();
    const moved = {
      ...destination,
      moveId,
      time: new Date(),
      keys: keys.map(({ secretHash }) => String(secretHash)),
      clinics: [...scope.clinicIds],
    };
    const update = {
      $set: { ...notice.update.$set, moved },
      $inc: notice.update.$inc,
      $unset: { fence: 1, arrived: 1 },
    } as const;
    const sealed = { _id: accountId, 'fence.moveId': moveId, 'fence.sealed': true };
    await this.claims.under(move, (session) => this.accounts.updateOne(sealed, update, { session }));
    await announced(this.connection, notice.id, 1_000);
  }

  /** Deletes what was left behind by this move; what came back since by another is none of it. */
  async purge(accountId: AccountId, moveId: string) {
    const mine = { _id: accountId, 'moved.moveId': moveId };
    const account = await this.accounts.findOne(mine);
    if (!account || (await this.arriving(accountId))) return { done: true, deleted: 0 };
    await stripArchives(this.connection);
    const scope = await this.belongings.scopeOf(accountId);
    const progress = await this.belongings.purge({
      scope,
      forMs: PURGE_MS,
      withUsers: true,
      isStillMeant: async (session) => {
        const { matchedCount } = await this.accounts.updateOne(mine, { $inc: { turn: 1 } }, { session });
        return matchedCount === 1 && !(await this.arriving(accountId, session));
      },
    });
    if (progress.done) {
      await this.belongings.deleteUsersOfNobodyElse([account.ownerUserId], scope);
      // The name of a practice stays in its region; the subdomain is needed to say where it went.
      await this.accounts.updateOne(mine, { $set: { 'moved.purged': true, name: '' } });
    }
    return progress;
  }

  private async arriving(accountId: AccountId, session?: ClientSession): Promise<boolean> {
    const arrivals = this.connection.collection<ArrivalDocument>(ARRIVALS);
    return (await arrivals.findOne({ _id: accountId }, session && { session })) !== null;
  }

  private async lift(accountId: AccountId, which: object, session?: ClientSession): Promise<void> {
    const update = { $unset: { fence: 1 }, ...newNotice().update } as const;
    await this.accounts.updateOne({ _id: accountId, ...which }, update, session && { session });
  }

  private owner(accountId: AccountId) {
    return this.accountHere(accountId).then(({ ownerUserId }) => this.belongings.users([ownerUserId]));
  }

  private async accountHere(accountId: AccountId): Promise<AccountDocument> {
    const account = await this.accounts.findOne({ _id: accountId });
    if (!account || account.moved) throw new NotFound('there is no such account on this shard');
    return account;
  }

  private async whyNotFenced(accountId: AccountId): Promise<Error> {
    const account = await this.accountHere(accountId);
    return new Conflict(
      account.fence?.sealed ? 'the account is sealed by its move' : 'another move has fenced the account',
    );
  }

  private get accounts() {
    return this.connection.collection<AccountDocument>('accounts');
  }
}

function known(collection: string): Belonging {
  const belonging = belongingOf(collection);
  if (!belonging) throw new NotFound(`no collection ${collection} moves with an account`);
  return belonging;
}
