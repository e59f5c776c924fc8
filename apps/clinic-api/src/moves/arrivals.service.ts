import { Inject, Injectable } from '@nestjs/common';
import {
  type AccountDocument,
  type AccountId,
  type AccountScope,
  announced,
  type ArrivalDocument,
  ARRIVALS,
  ARRIVED_USERS,
  belongingOf,
  BELONGINGS,
  belongingTo,
  newNotice,
  SHARING,
  USERS,
} from '@caregate/clinic-model';
import { arrivingUser, sharingEmail, UserEvents, type UserId, type UserRecord } from '@caregate/identity';
import { BadRequest, CONFIG, Conflict, databaseTime, isDuplicateKey, MONGO, NotFound } from '@caregate/service';
import { type ClientSession, type Connection, mongo } from 'mongoose';
import type { ClinicApiConfig } from '../config.ts';
import { ArrivingDocuments, isLate } from './arriving-documents.ts';
import { idText, type Step, unpacked } from './batch.ts';
import { BelongingsRepository } from './belongings.repository.ts';
import { type ClaimedMove, MoveClaims } from './move-claims.ts';

export interface MovingAccount {
  readonly subdomain: string;
  readonly name: string;
  readonly ownerUserId: UserId;
  /** RFC 3339. */
  readonly createdTime: string;
}

const MOST_IN_THE_WAY = 200;
const CANCEL_MS = 3_000;

/** The marks of the users that a move has brought: a move's id, a slash, a user's id. */
const marksOf = (moveId: string) => ({ _id: { $gt: `${moveId}/`, $lt: `${moveId}0` } }); // 0 comes after the slash

/** What this shard does for the directory when an account moves here (design, decision 9). */
@Injectable()
export class ArrivalsService {
  constructor(
    @Inject(MONGO) private readonly connection: Connection,
    private readonly belongings: BelongingsRepository,
    @Inject(CONFIG) private readonly config: ClinicApiConfig,
    private readonly claims: MoveClaims,
  ) {}

  /** @throws {Conflict} when the account is here already, or another has its subdomain */
  async begin(accountId: AccountId, move: ClaimedMove, account: MovingAccount) {
    const { moveId } = move;
    const here = await this.accounts.findOne({ _id: accountId });
    if (here?.arrived?.moveId === moveId && !here.moved) return { ready: true };
    if (here && !here.moved) throw new Conflict('the account is on this shard already');
    const holder = await this.accounts.findOne({ subdomain: account.subdomain, _id: { $ne: accountId } });
    if (holder) throw new Conflict('another account of this shard has the subdomain');
    if (here?.moved && !here.moved.purged) return { ready: false, leftOver: here.moved.moveId };
    const another = await this.arrivals.findOne({ _id: accountId, moveId: { $ne: moveId } });
    if (another) throw new Conflict('another move brings this account here');
    await this.claims.under(move, async (session) => {
      await this.accounts.updateOne({ _id: accountId }, { $inc: { turn: 1 } }, { session }); // not while a purge deletes
      await this.arrivals.updateOne(
        { _id: accountId },
        { $setOnInsert: { moveId, account: { ...account, createdTime: new Date(account.createdTime) }, turn: 0 } },
        { upsert: true, session },
      );
    });
    return { ready: true };
  }

  /**
   * Puts and deletes documents, all of a batch or none. Whoever lives here already is left as they are.
   * @throws {BadRequest} when the batch cannot be read
   * @throws {Conflict} when it is too late, or something here that belongs to others is in the way
   */
  async bring(accountId: AccountId, move: ClaimedMove, batch: string): Promise<void> {
    const steps = await unpacked(batch).catch(() => {
      throw new BadRequest('request body has an error: /batch cannot be read');
    });
    const stale: Stale[] = [];
    for (;;) {
      try {
        return await this.claims.under(move, (session) => this.bringIn(accountId, move.moveId, steps, stale, session));
      } catch (error) {
        const inTheWay = await this.staleIn(error);
        if (!inTheWay || stale.length >= MOST_IN_THE_WAY) throw error;
        stale.push(await this.ownIn(accountId, inTheWay));
      }
    }
  }

  /**
   * Can be repeated. Waits until each copy knows, so that none sends callers away. Writers wait meanwhile, so what takes its time is left to the call
   * that follows when they are served.
   */
  async activate(accountId: AccountId, move: ClaimedMove): Promise<void> {
    const { moveId } = move;
    const arrival = await this.arrivals.findOne({ _id: accountId, moveId });
    if (!arrival) {
      const here = await this.accounts.findOne({ _id: accountId });
      if (here?.arrived?.moveId !== moveId) throw new NotFound('this account is not on its way here');
      await this.arrivedUsers.deleteMany(marksOf(moveId));
      return void (await announced(this.connection, here.notice ?? '', 1_000));
    }
    const [through, lived] = await Promise.all([
      this.close(accountId, move),
      this.accounts.findOne({ _id: accountId }, { projection: { _id: 1 } }),
    ]);
    const sharing = await this.whoShareTheirEmail(moveId);
    const notice = newNotice();
    const { subdomain, name, ownerUserId, createdTime } = arrival.account;
    await this.claims.under(move, async (session) => {
      await this.accounts.updateOne(
        { _id: accountId },
        {
          $set: {
            subdomain,
            name,
            ownerUserId: ownerUserId as UserId, // as the other shard knew it
            createdTime,
            updatedTime: new Date(),
            arrived: { moveId, through, time: new Date() },
            ...notice.update.$set,
          },
          $inc: notice.update.$inc,
          $unset: { moved: 1, fence: 1 },
        },
        { upsert: true, session },
      );
      await new UserEvents(this.connection, this.config.SHARD_ID).emailsShared(sharing, session);
      await this.arrivals.deleteOne({ _id: accountId, moveId }, { session });
    });
    // A copy can only think that it is elsewhere when it has been here before.
    if (lived) await announced(this.connection, notice.id, 1_000);
  }

  /** Deletes what was brought. @throws {Conflict} once the account is active */
  async cancel(accountId: AccountId, move: ClaimedMove) {
    const { moveId } = move;
    const arrival = await this.arrivals.findOne({ _id: accountId, moveId });
    if (!arrival) {
      const here = await this.accounts.findOne({ _id: accountId });
      if (here?.arrived?.moveId === moveId && !here.moved) throw new Conflict('the account is active here already');
      return { done: true, deleted: 0 };
    }
    await this.close(accountId, move);
    const scope = await this.belongings.scopeOf(accountId);
    const progress = await this.belongings.purge({
      scope,
      forMs: CANCEL_MS,
      withUsers: false,
      isStillMeant: async (session) => {
        await this.claims.assertLatest(move, session);
        const turn = { $inc: { turn: 1 } };
        return (await this.arrivals.updateOne({ _id: accountId, moveId }, turn, { session })).matchedCount === 1;
      },
    });
    if (!progress.done) return progress;
    const brought = await this.arrivedUsers.find(marksOf(moveId)).toArray();
    const ids = brought.map(({ userId }) => userId);
    await this.claims.under(move, async (session) => {
      await this.belongings.deleteUsersOfNobodyElse(ids, scope, session);
      await this.arrivedUsers.deleteMany(marksOf(moveId), { session });
      await this.arrivals.deleteOne({ _id: accountId, moveId }, { session });
    });
    return progress;
  }

  /** From now on no batch gets in. Gives the moment up to which the move has written. */
  private async close(accountId: AccountId, move: ClaimedMove): Promise<mongo.Timestamp> {
    const { moveId } = move;
    await this.claims.under(move, (session) =>
      this.arrivals.updateOne({ _id: accountId, moveId }, { $set: { closed: true }, $inc: { turn: 1 } }, { session }),
    );
    // Later than all that the move has written, and earlier than whatever is written once the account is active.
    return databaseTime(this.belongings.db);
  }

  private async bringIn(
    accountId: AccountId,
    moveId: string,
    steps: readonly Step[],
    stale: readonly Stale[],
    session: ClientSession,
  ): Promise<void> {
    const late = await this.admit(accountId, moveId, session);
    const wanted = late ? steps.filter(isLate) : steps;
    const documents = new ArrivingDocuments(this.belongings, accountId, wanted, session);
    const scope = await documents.assertOwn();
    for (const { collection, filter } of stale)
      await this.belongings.collection(collection).deleteMany(filter, { session });
    await this.drop(scope, wanted, session);
    for (const { collection } of BELONGINGS) await this.put(collection, wanted, session);
    if (late) return;
    const coming = wanted.filter(({ collection, document }) => collection === USERS && document);
    const arrival = await this.arrivals.findOne({ _id: accountId, moveId }, { session });
    const ids = coming.map(({ id }) => String(id));
    const named = await documents.named(scope, ids, arrival?.account.ownerUserId);
    await documents.assertSamePeople(named);
    await this.putUsers(
      moveId,
      coming.filter(({ id }) => named.has(String(id))),
      session,
    );
    await this.followSharing(
      moveId,
      wanted.filter(({ collection }) => collection === SHARING),
      session,
    );
    await this.dropUsers(moveId, wanted, session);
  }

  /** Says whether the account is active by now, so that only late documents may follow. */
  private async admit(accountId: AccountId, moveId: string, session: ClientSession): Promise<boolean> {
    const { matchedCount } = await this.arrivals.updateOne(
      { _id: accountId, moveId, closed: { $ne: true } },
      { $inc: { turn: 1 } },
      { session },
    );
    if (matchedCount === 1) return false;
    const active = await this.accounts.findOne(
      { _id: accountId, 'arrived.moveId': moveId, moved: { $exists: false } },
      { session },
    );
    if (!active) throw new Conflict('this move does not bring the account here any more');
    return true;
  }

  private async drop(scope: AccountScope, steps: readonly Step[], session: ClientSession): Promise<void> {
    const gone = steps.filter(({ document }) => document === undefined);
    for (const belonging of BELONGINGS) {
      const ids = gone.filter(({ collection }) => collection === belonging.collection).map(({ id }) => id);
      if (ids.length === 0) continue;
      // Ids of all accounts' deletions come along; only those of this one are acted upon.
      await this.belongings
        .collection(belonging.collection)
        .deleteMany({ _id: { $in: ids as never[] }, ...belongingTo(belonging, scope) }, { session });
    }
  }

  private async put(collection: string, steps: readonly Step[], session: ClientSession): Promise<void> {
    const replacements = steps.flatMap((step) =>
      step.collection === collection && step.document
        ? [{ replaceOne: { filter: { _id: step.id as never }, replacement: step.document, upsert: true } }]
        : [],
    );
    if (replacements.length > 0)
      await this.belongings.collection(collection).bulkWrite(replacements, { session, ordered: true });
  }

  /** A user who lives here already stays as they are: their password and profile here are newer or another region's. */
  private async putUsers(moveId: string, coming: readonly Step[], session: ClientSession): Promise<void> {
    if (coming.length === 0) return;
    const ids = coming.map(({ id }) => String(id));
    const within = { $in: ids as UserId[] }; // as the other shard calls them
    const living = await this.users.find({ _id: within }, { session, projection: { _id: 1 } }).toArray();
    const mine = await this.broughtAmong(moveId, ids, session);
    const settled = new Set<string>(living.map(({ _id }) => _id).filter((id) => !mine.has(id)));
    const brought = coming.filter(({ id }) => !settled.has(String(id)));
    await this.put(USERS, await this.withEmailsOfTheirOwn(brought, session), session);
    const fresh = [...new Set(brought.map(({ id }) => String(id)))].filter((id) => !mine.has(id));
    if (fresh.length === 0) return;
    await this.arrivedUsers.insertMany(
      fresh.map((userId) => ({ _id: `${moveId}/${userId}`, moveId, userId })),
      { session },
    );
  }

  /** Takes over what users whom the move has brought share now. The sharing of other users of this shard is left as it is. */
  private async followSharing(moveId: string, steps: readonly Step[], session: ClientSession): Promise<void> {
    if (steps.length === 0) return;
    const sharerOf = ({ id }: Step) => String(id).split(':')[0] ?? '';
    const brought = await this.broughtAmong(moveId, steps.map(sharerOf), session);
    const theirs = steps.filter((step) => {
      const { id, document } = step;
      const isUnderItsId = !document || id === `${String(document.sharerId)}:${String(document.userId)}`;
      return isUnderItsId && brought.has(sharerOf(step));
    });
    await this.put(SHARING, theirs, session);
    const ended = theirs.filter(({ document }) => document === undefined).map(({ id }) => id);
    await this.belongings.collection(SHARING).deleteMany({ _id: { $in: ended as never[] } }, { session }); // texts
  }

  /** Deletes users whom this move has brought and who were deleted since on the shard that they come from. A user who lived here before stays. */
  private async dropUsers(moveId: string, steps: readonly Step[], session: ClientSession): Promise<void> {
    const deleted = steps.filter(({ collection, document }) => collection === USERS && document === undefined);
    if (deleted.length === 0) return;
    const ids = deleted.map(({ id }) => String(id));
    const gone = [...(await this.broughtAmong(moveId, ids, session))];
    await this.belongings.deleteUsers(gone, session);
    await this.arrivedUsers.deleteMany({ moveId, userId: { $in: gone } }, { session });
  }

  /** Of some users those whom this move has brought. */
  private async broughtAmong(moveId: string, ids: readonly string[], session?: ClientSession): Promise<Set<string>> {
    const marks = [...new Set(ids)].map((id) => `${moveId}/${id}`);
    const found = await this.arrivedUsers.find({ _id: { $in: marks } }, { ...(session && { session }) }).toArray();
    return new Set(found.map(({ userId }) => userId));
  }

  /** Whoever has an email here keeps it; a user who arrives with the same stays apart from them, see `sharingEmail`. */
  private async withEmailsOfTheirOwn(steps: readonly Step[], session: ClientSession): Promise<Step[]> {
    const users = steps.map(({ id, document = {} }) => arrivingUser(String(id) as UserId, document)); // as the other shard calls them
    const keys = users.flatMap(({ emailKey }) => emailKey ?? []);
    const holders = await this.users
      .find({ emailKey: { $in: keys } }, { session, projection: { emailKey: 1 } })
      .toArray();
    const holderOf = new Map(holders.map(({ _id, emailKey }) => [emailKey, _id]));
    return users.map((user) => {
      const { _id: id, emailKey } = user;
      const isTaken = emailKey !== undefined && (holderOf.get(emailKey) ?? id) !== id;
      if (emailKey !== undefined && !isTaken) holderOf.set(emailKey, id);
      return { collection: USERS, id, document: isTaken ? sharingEmail(user) : user };
    });
  }

  /** Users whom the move brought and whose email another has here; they are mailed about it (clinic-worker, `EmailShared`). */
  private async whoShareTheirEmail(moveId: string): Promise<UserId[]> {
    const found = await this.users
      .find({ sharedEmailKey: { $type: 'string' } }, { projection: { _id: 1 } }) // by its index: they are few
      .toArray();
    const ids = found.map(({ _id }) => _id);
    const brought = await this.broughtAmong(moveId, ids);
    return ids.filter((id) => brought.has(id));
  }

  /** Which document holds what another was to have; undefined for any other fault. */
  private async staleIn(error: unknown): Promise<Stale | undefined> {
    const collision = collisionIn(error);
    if (!collision) return undefined;
    const { collection, index, document } = collision;
    const indexes = await this.belongings.collection(collection).indexes();
    const fields = Object.keys(indexes.find(({ name }) => name === index)?.key ?? {});
    if (fields.length === 0 || fields.some((field) => document[field] === undefined)) return undefined;
    // An index over a list holds each of its values.
    const held = (value: unknown) => (Array.isArray(value) ? { $in: value } : value);
    const filter = {
      ...Object.fromEntries(fields.map((field) => [field, held(document[field])])),
      _id: { $ne: document._id },
    };
    return { collection, fields, filter };
  }

  /** What is in the way may be what the move itself brought earlier and was changed since; what belongs to others stays. */
  private async ownIn(accountId: AccountId, { collection, fields, filter }: Stale): Promise<Stale> {
    const belonging = belongingOf(collection);
    const owned = belonging && { ...filter, ...belongingTo(belonging, await this.belongings.scopeOf(accountId)) };
    const own = { collection, fields, filter: owned ?? { _id: { $in: [] } } };
    const holder =
      owned && (await this.belongings.collection(collection).findOne(owned))
        ? null
        : await this.belongings.collection(collection).findOne(filter, { projection: { _id: 1 } });
    if (!holder) return own; // its own, or it went by itself
    const id =
      typeof holder._id === 'string' || holder._id instanceof mongo.ObjectId ? idText(holder._id).slice(2) : 'unknown';
    throw new Conflict(
      `something of another account on this shard is in the way: ${id} in ${collection} has the same ${fields.join(', ')}`,
    );
  }

  private get accounts() {
    return this.connection.collection<AccountDocument>('accounts');
  }

  private get arrivals() {
    return this.connection.collection<ArrivalDocument>(ARRIVALS);
  }

  private get users() {
    return this.connection.collection<UserRecord>(USERS);
  }

  private get arrivedUsers() {
    return this.connection.collection<{ _id: string; moveId: string; userId: string }>(ARRIVED_USERS);
  }
}

/** A document that holds what must be unique. */
interface Stale {
  readonly collection: string;
  readonly fields: readonly string[];
  readonly filter: mongo.Document;
}

/** What a put met that must be unique: by the index's name, and the document that was to be put. */
function collisionIn(error: unknown): { collection: string; index: string; document: mongo.Document } | undefined {
  if (!(error instanceof mongo.MongoBulkWriteError) || !isDuplicateKey(error)) return undefined;
  const [fault] = Array.isArray(error.writeErrors) ? error.writeErrors : [error.writeErrors];
  const [, collection, index] = /collection: [^.\s]+\.(\S+) index: (\S+) dup key/.exec(error.message) ?? [];
  const document: unknown = fault?.err.op && 'u' in fault.err.op ? fault.err.op.u : undefined;
  if (collection === undefined || index === undefined || typeof document !== 'object' || document === null)
    return undefined;
  return { collection, index, document };
}
