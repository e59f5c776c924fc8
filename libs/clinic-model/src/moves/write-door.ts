import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@caregate/service';
import { LRUCache } from 'lru-cache';
import type { Connection, mongo, Types } from 'mongoose';
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

/** A copy that was not seen for so long is taken for dead. It takes itself for dead earlier. */
export const SILENT_MS = 15_000;
const SEEN_EVERY_MS = 1_000;
const TRUST_MS = 12_000;
/** A copy that was not seen for so long may be dead: then no account is fenced, or its writers would wait for it. */
const OVERDUE_MS = 4_000;
const LOOK_MS = 250;
/**
 * MongoDB wakes whoever waits at a change stream at every write of the whole database, which costs as much as a good part of the write.
 * So the accounts are looked at from time to time, and without a pause only while one of them is fenced and its writers wait.
 */
const CALM_MS = 150;
const AWAIT_MS = 10;
const NOTICES_KEPT = 200;
const CLINICS_KNOWN = 50_000;
/** An account may adopt a clinic that had none. */
const ADOPTED_MS = 5_000;

/**
 * The door through which a copy of an app goes to write what belongs to an account. It costs no look at the database: each copy knows
 * which accounts are fenced, from a change stream, and says so in `writers` once none of its writes is under way any more.
 * Whoever fences an account waits until every living copy has said so (`announced`); so the fence holds everywhere, also against
 * what had begun before and against writes outside of transactions.
 */
export class WriteDoor {
  private readonly id = randomUUID();
  private readonly standings = new Map<string, Standing>();
  /** How many notices of an account were learnt: what the change stream looked up earlier does not undo what was read later. */
  private readonly learnt = new Map<string, number>();
  private readonly underWay = new Map<Whose, number>();
  private readonly emptied = new Set<() => void>();
  private readonly clinics = new LRUCache<string, { readonly accountId: string } | 'none'>({ max: CLINICS_KNOWN });
  private readonly here = new LRUCache<string, true>({ max: CLINICS_KNOWN });
  private readonly stopping = new AbortController();
  private readonly following = new Set<string>();
  private stream: mongo.ChangeStream<AccountDocument> | undefined;
  /** By this process's own clock: until then others take this copy for alive. */
  private trustedUntil = 0;
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
   * Lets a writer in and gives what it must call when it is done, whatever becomes of it.
   * @throws {DoorClosed} while an account is fenced or when it has moved
   */
  enter(whose: Whose): () => void {
    this.assertOpen(whose);
    this.underWay.set(whose, (this.underWay.get(whose) ?? 0) + 1);
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      const left = (this.underWay.get(whose) ?? 1) - 1;
      if (left > 0) return void this.underWay.set(whose, left);
      this.underWay.delete(whose);
      for (const look of this.emptied) look();
    };
  }

  /** @throws {DoorClosed} as `enter` */
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
        const { matchedCount } = await this.writers.updateOne({ _id: this.id }, { $currentDate: { seen: true } });
        // Others forgot this copy: before it writes again it must know where accounts stand.
        if (matchedCount === 0) await this.introduce();
        this.trustedUntil = asked + TRUST_MS;
      } catch (error) {
        this.settings.logger.debug({ err: error }, 'the database did not hear that this copy is alive');
        await this.pause(100);
        continue;
      }
      await this.pause(SEEN_EVERY_MS);
    }
  }

  private async introduce(): Promise<void> {
    await this.writers.updateOne(
      { _id: this.id },
      { $set: { app: this.settings.app, followed: [] }, $currentDate: { seen: true } },
      { upsert: true },
    );
    await this.readAll();
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
      !this.standings.has(accountId) || (!this.underWay.has(accountId) && !this.underWay.has(ANY_ACCOUNT));
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
