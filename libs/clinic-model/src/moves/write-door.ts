import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Logger, Tally } from '@caregate/service';
import { guarded } from '@caregate/service/transaction';
import { LRUCache } from 'lru-cache';
import type { ClientSession, Connection, mongo, Types } from 'mongoose';
import type { AccountDocument } from '../documents.ts';
import { type Fence, type Moved, WRITERS } from './standing.ts';

/** A running copy of an app that writes. Times are the database's, so clocks need not agree. */
interface WriterDocument {
  readonly _id: string;
  readonly app: string;
  readonly seen: Date;
  readonly followed: readonly string[];
}

/** Where an account stands that is not simply here. */
export interface Standing {
  readonly fence?: Fence;
  readonly moved?: Moved;
}

/** For writes that may reach clinics of any account, such as the deletion of a user. */
export const ANY_ACCOUNT = Symbol('ANY_ACCOUNT');
export type Whose = string | typeof ANY_ACCOUNT;

/** The account is about to move or has moved: nothing of it is written here just now. */
export class DoorClosed extends Error {
  override readonly name = 'DoorClosed';
  readonly moved: Moved | undefined;

  constructor(moved?: Moved, reason = 'the account is about to move to another shard; try again in a moment') {
    super(moved ? `the account has moved to shard ${moved.shard}` : reason);
    this.moved = moved;
  }
}

export interface DoorSettings {
  readonly connection: Connection;
  readonly app: string;
  readonly logger: Logger;
}

const SEEN_EVERY_MS = 1_000;
/** For so long after it was seen a copy begins transactions. It may sleep at any moment, so the database compares the times. */
const TRUST_MS = 12_000;
/** MongoDB ends a transaction after this (`transactionLifetimeLimitSeconds`), and looks for such ones in half of it. */
const LONGEST_TRANSACTION_MS = 60_000 * 1.5;
/** A copy that was not seen for so long is taken for dead: whatever it began before it fell silent has ended, and what it begins now looks at the fence. */
export const SILENT_MS = TRUST_MS + LONGEST_TRANSACTION_MS + 3_000;
/** A copy that was not seen for so long may be dead: then no account is fenced, or its writers would wait for it. */
const OVERDUE_MS = 4_000;
const LOOK_MS = 250;
/**
 * MongoDB wakes whoever waits at a change stream at every write of the whole database, which costs as much as a good part of the write.
 * So the accounts are looked at from time to time, and without a pause only while one of them is fenced and its writers wait.
 */
const CALM_MS = 150;
const AWAIT_MS = 10;
const SLEPT = 'this server was not heard of for a while; try again in a moment';
const NOTICES_KEPT = 200;
const CLINICS_KNOWN = 50_000;
/** An account may adopt a clinic that had none. */
const ADOPTED_MS = 5_000;

/**
 * The door through which a copy of an app goes to write what belongs to an account. Each copy knows which accounts are fenced, from a change
 * stream, and says so in `writers` once none of its writes is under way any more. Whoever fences an account waits until every living copy has
 * said so (`announced`). A copy may sleep at any moment, for however long, and be taken for dead: so each transaction looks at the fence again,
 * in the database, and whoever fences waits until MongoDB has ended all that a silent copy can have begun (docs/decisions/moves.md).
 */
export class WriteDoor {
  private readonly id = randomUUID();
  private readonly standings = new Map<string, Standing>();
  /** How many notices of an account were learnt: what the change stream looked up earlier does not undo what was read later. */
  private readonly learnt = new Map<string, number>();
  private readonly underWay = new Tally<Whose>();
  private readonly emptied = new Set<() => void>();
  private readonly clinics = new LRUCache<string, { readonly accountId: string } | 'none'>({ max: CLINICS_KNOWN });
  private readonly here = new LRUCache<string, true>({ max: CLINICS_KNOWN });
  private readonly stopping = new AbortController();
  private readonly following = new Set<string>();
  private stream: mongo.ChangeStream<AccountDocument> | undefined;
  /** Until then others take this copy for alive: by this process's own clock, and by the database's. */
  private trustedUntil = 0;
  private trustedUntilThere = new Date(0);
  private running: Promise<unknown> = Promise.resolve();

  constructor(private readonly settings: DoorSettings) {}

  start(): void {
    this.running = Promise.all([this.keepSeen(), this.follow(), this.liftOverdue()]);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.stream?.close().catch(() => {});
    await this.running;
    await this.writers.deleteOne({ _id: this.id }).catch(() => {});
  }

  /** Whether this copy knows where accounts stand; until then it lets no writer in. */
  get open(): boolean {
    return performance.now() < this.trustedUntil;
  }

  standingOf(accountId: string): Standing | undefined {
    return this.standings.get(accountId);
  }

  /**
   * Lets a writer in. Each transaction that it makes looks at the fence, so what it writes of an account must be written in transactions.
   * @throws {DoorClosed} while an account is fenced or when it has moved
   */
  async write<T>(whose: Whose, work: () => Promise<T>): Promise<T> {
    this.assertOpen(whose);
    this.underWay.add(whose);
    try {
      return await guarded((session) => this.assertOpenThere(whose, session), work);
    } finally {
      this.underWay.remove(whose);
      if (this.underWay.of(whose) === 0) for (const look of this.emptied) look();
    }
  }

  /** @throws {DoorClosed} as `write` */
  assertOpen(whose: Whose): void {
    if (!this.open)
      throw new DoorClosed(undefined, 'this server does not know yet where accounts stand; try again in a moment');
    if (whose === ANY_ACCOUNT) {
      for (const { fence } of this.standings.values()) if (fence) throw new DoorClosed();
      return;
    }
    const standing = this.standings.get(whose);
    if (standing?.moved) throw new DoorClosed(standing.moved);
    if (standing?.fence) throw new DoorClosed();
  }

  /**
   * Looks in a transaction, as of its moment. While a fence still waits for what is under way, that goes on.
   * @throws {DoorClosed} once nobody waits for it any more: the account is drained or has moved, or this copy may be taken for dead by now
   */
  private async assertOpenThere(whose: Whose, session: ClientSession): Promise<void> {
    const isLate = { $gte: ['$$NOW', this.trustedUntilThere] };
    if (whose === ANY_ACCOUNT) {
      const fenced = await this.accounts.findOne({ 'fence.drained': true }, { session, projection: { _id: 1 } });
      if (fenced) throw new DoorClosed();
      const self = await this.writers.findOne<{ isLate: boolean }>(
        { _id: this.id },
        { session, projection: { isLate } },
      );
      if (self?.isLate !== false) throw new DoorClosed(undefined, SLEPT);
      return;
    }
    const account = await this.accounts.findOne<Standing & { isLate: boolean }>(
      { _id: whose as AccountDocument['_id'] }, // as callers know it
      { session, projection: { fence: 1, moved: 1, isLate } },
    );
    if (account?.moved) throw new DoorClosed(account.moved);
    if (account?.fence?.drained) throw new DoorClosed();
    if (account?.isLate) throw new DoorClosed(undefined, SLEPT);
  }

  /** The account of a clinic that is served here, also when the account has moved; undefined when it has none, or is only on its way here. */
  async accountOfClinic(
    clinicId: Types.ObjectId,
  ): Promise<{ readonly accountId: string } | 'none' | 'arriving' | 'unknown'> {
    const text = clinicId.toHexString();
    const known = this.clinics.get(text);
    if (known !== undefined) return known;
    const clinic = await this.settings.connection
      .collection('clinics')
      .findOne({ _id: clinicId }, { projection: { accountId: 1 } });
    if (!clinic) return this.movedClinic(clinicId);
    const accountId: unknown = clinic.accountId;
    if (typeof accountId !== 'string') {
      this.clinics.set(text, 'none', { ttl: ADOPTED_MS });
      return 'none';
    }
    if (!(await this.isHere(accountId))) return 'arriving';
    this.clinics.set(text, { accountId });
    return { accountId };
  }

  /** Whether the account lives here or has lived here, and is not just on its way. */
  async isHere(accountId: string): Promise<boolean> {
    if (this.here.has(accountId)) return true;
    const found = await this.accounts.findOne({ _id: accountId as AccountDocument['_id'] }, { projection: { _id: 1 } }); // as callers know it
    if (found) this.here.set(accountId, true);
    return found !== null;
  }

  /** After the purge only the account itself remembers which clinics it took along. */
  private async movedClinic(clinicId: Types.ObjectId): Promise<{ readonly accountId: string } | 'unknown'> {
    const account = await this.accounts.findOne(
      { 'moved.clinics': clinicId, 'moved.moveId': { $exists: true } },
      { projection: { _id: 1 } },
    );
    return account ? { accountId: account._id } : 'unknown';
  }

  private get accounts() {
    return this.settings.connection.collection<AccountDocument>('accounts');
  }

  private get writers() {
    return this.settings.connection.collection<WriterDocument>(WRITERS);
  }

  private async keepSeen(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      const asked = performance.now();
      try {
        // Others may have forgotten this copy: before it writes again it must know where accounts stand.
        const { seen } = (await this.saySeen()) ?? (await this.introduce());
        this.trustedUntil = asked + TRUST_MS;
        this.trustedUntilThere = new Date(seen.getTime() + TRUST_MS);
      } catch (error) {
        this.settings.logger.debug({ err: error }, 'the database did not hear that this copy is alive');
        await this.pause(100);
        continue;
      }
      await this.pause(SEEN_EVERY_MS);
    }
  }

  private saySeen() {
    return this.writers.findOneAndUpdate(
      { _id: this.id },
      { $currentDate: { seen: true } },
      { returnDocument: 'after', projection: { seen: 1 } },
    );
  }

  private async introduce(): Promise<Pick<WriterDocument, 'seen'>> {
    const introduced = await this.writers.findOneAndUpdate(
      { _id: this.id },
      { $set: { app: this.settings.app, followed: [] }, $currentDate: { seen: true } },
      { upsert: true, returnDocument: 'after' },
    );
    if (!introduced) throw new Error('the database did not keep that this copy runs');
    await this.readAll();
    return introduced;
  }

  /** Whatever was ever announced has a number, so nothing is missed and nothing older wins. */
  private async readAll(): Promise<void> {
    const apart = await this.accounts.find({ notice: { $exists: true } }).toArray();
    for (const account of apart) this.learn(account);
  }

  private learn({ _id, fence, moved, notice, notices = 0 }: AccountDocument): void {
    if (notices < (this.learnt.get(_id) ?? 0)) return;
    this.learnt.set(_id, notices);
    if (fence || moved) this.standings.set(_id, { ...(fence && { fence }), ...(moved && { moved }) });
    else this.standings.delete(_id);
    if (notice !== undefined) void this.sayFollowed(_id, notice);
  }

  /** Says that this copy acts upon a notice, once no write under way disregards it. */
  private async sayFollowed(accountId: string, notice: string): Promise<void> {
    if (this.following.has(notice)) return;
    this.following.add(notice);
    try {
      await this.untilQuiet(accountId);
      await this.writers.updateOne(
        { _id: this.id },
        { $push: { followed: { $each: [notice], $slice: -NOTICES_KEPT } } },
      );
    } catch (error) {
      this.settings.logger.debug({ err: error }, 'a notice could not be answered');
    } finally {
      this.following.delete(notice);
    }
  }

  private async untilQuiet(accountId: string): Promise<void> {
    const quiet = () =>
      !this.standings.has(accountId) || this.underWay.of(accountId) + this.underWay.of(ANY_ACCOUNT) === 0;
    if (quiet()) return;
    await new Promise<void>((resolve) => {
      const look = () => {
        if (!quiet()) return;
        this.emptied.delete(look);
        resolve();
      };
      this.emptied.add(look);
    });
  }

  private async follow(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      try {
        await this.readStream();
      } catch (error) {
        if (this.stopping.signal.aborted) return;
        this.settings.logger.debug({ err: error }, 'the accounts are not followed just now');
        await this.pause(200);
      }
    }
  }

  private async readStream(): Promise<void> {
    const { db } = this.settings.connection;
    if (!db) return this.pause(100);
    this.stream = db
      .collection<AccountDocument>('accounts')
      .watch([], { fullDocument: 'updateLookup', maxAwaitTimeMS: AWAIT_MS });
    try {
      await this.stream.tryNext(); // from here on nothing is missed; what was before is read now
      await this.readAll();
      for (;;) {
        const change = await this.stream.tryNext();
        if (this.stopping.signal.aborted) return;
        // A stream that was ended from the other side answers at once, for ever.
        if (this.stream.closed) throw new Error('the stream of accounts was ended');
        if (change && 'fullDocument' in change && change.fullDocument) this.learn(change.fullDocument);
        if (!change && this.isCalm()) await this.pause(CALM_MS);
      }
    } finally {
      await this.stream.close().catch(() => {});
    }
  }

  private isCalm(): boolean {
    for (const { fence } of this.standings.values()) if (fence) return false;
    return true;
  }

  /** Whatever fenced an account may be gone: its writers do not wait for it for ever. Whether the fence was sealed is decided in the database. */
  private async liftOverdue(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      await this.pause(LOOK_MS);
      for (const [_id, { fence }] of this.standings) {
        if (!fence || fence.sealed) continue;
        await this.accounts
          .updateOne(
            {
              _id: _id as AccountDocument['_id'], // a key of `standings`
              'fence.id': fence.id,
              'fence.sealed': { $ne: true },
              $expr: { $lt: ['$fence.until', '$$NOW'] },
            },
            { $unset: { fence: 1 }, ...newNotice().update },
          )
          .catch(() => {});
      }
    }
  }

  private async pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.stopping.signal }).catch(() => {});
  }
}

/** A new notice for the copies, as part of the update that they are to follow. */
export function newNotice(id: string = randomUUID()) {
  return { id, update: { $set: { notice: id }, $inc: { notices: 1 } } };
}

/**
 * Waits until every living copy of every app acts upon a notice.
 * @returns false when that takes longer than `withinMs`
 */
export async function announced(connection: Connection, notice: string, withinMs: number): Promise<boolean> {
  const writers = connection.collection<WriterDocument>(WRITERS);
  const giveUp = performance.now() + withinMs;
  for (;;) {
    const deaf = await writers.findOne(
      { followed: { $ne: notice }, $expr: { $gt: ['$seen', { $subtract: ['$$NOW', SILENT_MS] }] } },
      { projection: { _id: 1 } },
    );
    if (!deaf) return true;
    if (performance.now() > giveUp) return false;
    await delay(5);
  }
}

/** Whether each copy was heard of just now, so that none keeps a fence waiting. */
export async function allHeardOf(connection: Connection): Promise<boolean> {
  const overdue = await connection
    .collection<WriterDocument>(WRITERS)
    .findOne({ $expr: { $lt: ['$seen', { $subtract: ['$$NOW', OVERDUE_MS] }] } }, { projection: { _id: 1 } });
  return overdue === null;
}

/** Forgets copies that are gone, so that nobody waits for them. */
export async function forgetSilentWriters(connection: Connection): Promise<void> {
  await connection
    .collection<WriterDocument>(WRITERS)
    .deleteMany({ $expr: { $lt: ['$seen', { $subtract: ['$$NOW', SILENT_MS] }] } });
}
