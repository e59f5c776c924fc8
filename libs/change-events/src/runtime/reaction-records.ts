import { createHash, randomUUID } from 'node:crypto';
import { type Connection, mongo } from 'mongoose';
import { Batched } from './batched.ts';
import type { StreamEvent } from './event-stream.ts';

/**
 * The record of one reaction to one event. While `open` it is `running`, under a lease, or `waiting` for its turn or its next attempt;
 * then it is `done` or `dead`, and removed after a time that is longer than Kafka keeps the event.
 */
export interface ReactionRecord {
  readonly _id: string;
  readonly reaction: string;
  /** Reaction and document: at most one of a lane runs, in the order of the events. */
  readonly lane: string;
  readonly open?: true;
  readonly state: 'running' | 'waiting' | 'done' | 'dead';
  /** Which attempt holds it; a new one for every attempt, so that one that lost its lease cannot speak for it. */
  readonly claim?: string;
  readonly leaseUntil?: Date;
  readonly due?: Date;
  readonly attempts: number;
  readonly awayAttempts: number;
  readonly firstFailure?: Date;
  readonly failure?: string;
  readonly note?: string;
  /** The last replay from the dead letters that was honoured. */
  readonly replay?: string;
  readonly beganTime: Date;
  readonly endedTime?: Date;
}

/** An attempt that may run now. */
export interface Claim {
  readonly id: string;
  readonly claim: string;
  readonly attempts: number;
  readonly awayAttempts: number;
  readonly firstFailure?: Date;
}

/** What is to begin: a reaction to an event, and who wants it. */
export interface Beginning {
  readonly id: string;
  readonly reaction: string;
  readonly lane: string;
  /** Names the attempt; the caller makes it with `newClaim`. */
  readonly claim: string;
}

export const newClaim = (): string => randomUUID();

export type Begun =
  { readonly kind: 'claimed'; readonly claim: Claim } | { readonly kind: 'finished' } | { readonly kind: 'wait' };
export type Resumed =
  | { readonly kind: 'claimed'; readonly claim: Claim }
  | { readonly kind: 'finished' }
  | { readonly kind: 'later'; readonly at: Date };

export interface RecordSettings {
  readonly connection: Connection;
  /** Milliseconds that an attempt holds its record after the last sign of life. */
  readonly lease: number;
  /** Days that finished records are kept. */
  readonly keepDays: number;
}

export const REACTIONS = 'reactions';

/** `reaction`, document and event in one id: deterministic, and readable as far as an operator needs it. */
export function reactionId(reaction: string, event: Pick<StreamEvent, 'id' | 'key'>): string {
  return `${reaction}:${event.key}:${createHash('sha256').update(event.id).digest('base64url').slice(0, 22)}`;
}

export const laneOf = (reaction: string, key: string) => `${reaction}|${key}`;

/** What makes at-least-once into once: who may run a reaction, whether it has run, and what must run before it. */
export class ReactionRecords {
  private readonly settings: RecordSettings;
  /** The claims of this process, whose leases are renewed until they are given back. */
  private readonly held = new Map<string, { readonly id: string; readonly lost: () => void }>();
  private renewal: NodeJS.Timeout | undefined;
  // Single writes that wait for the majority's journal are slow; together they cost what one does.
  private readonly beginnings = new Batched<Beginning, Begun>((all) => this.beginAll(all));
  private readonly updates = new Batched<{ filter: object; update: object }, void>(async (all) => {
    await this.records.bulkWrite(
      all.map((updateOne) => ({ updateOne })),
      { ordered: false },
    );
    return all.map(() => undefined);
  });

  constructor(settings: RecordSettings) {
    this.settings = settings;
  }

  private get records() {
    return this.settings.connection.getClient().db(this.settings.connection.name).collection<ReactionRecord>(REACTIONS);
  }

  async prepare(): Promise<void> {
    await this.records.createIndexes([
      { key: { lane: 1, _id: 1 }, name: 'open_of_lane', partialFilterExpression: { open: true } },
      { key: { endedTime: 1 }, name: 'expiry', expireAfterSeconds: this.settings.keepDays * 86_400 },
      { key: { state: 1, beganTime: 1 }, name: 'state' },
    ]);
  }

  start(): void {
    this.renewal = setInterval(() => void this.renew(), this.settings.lease / 3);
  }

  stop(): void {
    clearInterval(this.renewal);
  }

  /**
   * For an event that comes from its topic: claims it, unless it has been reacted to, is being so, or must wait behind an earlier one of its lane.
   * Called again with the same `claim`, because it is not known whether the first call got through, it gives the same answer.
   */
  begin(beginning: Beginning): Promise<Begun> {
    return this.beginnings.do(beginning);
  }

  private async beginAll(all: readonly Beginning[]): Promise<Begun[]> {
    const [own, open] = await Promise.all([
      this.records.find({ _id: { $in: all.map(({ id }) => id) } }, { projection: { open: 1, claim: 1 } }).toArray(),
      this.records
        .aggregate<{ readonly _id: string; readonly ids: string[] }>([
          { $match: { lane: { $in: all.map(({ lane }) => lane) }, open: true } },
          { $group: { _id: '$lane', ids: { $firstN: { n: 2, input: '$_id' } } } }, // one of them may be the event's own
        ])
        .toArray(),
    ]);
    const known = new Map(own.map((record) => [record._id, record]));
    const openIn = new Map(open.map(({ _id, ids }) => [_id, ids]));
    const answers = all.map((beginning): Begun | 'new' => {
      const record = known.get(beginning.id);
      if (!record) return 'new';
      if (!record.open) return { kind: 'finished' };
      return record.claim === beginning.claim ? claimed(beginning) : { kind: 'wait' };
    });
    const fresh = all.filter((_each, index) => answers[index] === 'new');
    const begun = await this.insertAll(fresh, (beginning) =>
      (openIn.get(beginning.lane) ?? []).some((id) => id !== beginning.id),
    );
    return all.map((beginning, index) => {
      const answer = answers[index];
      return answer === undefined || answer === 'new' ? (begun.get(beginning) ?? { kind: 'wait' }) : answer;
    });
  }

  /** Writes new records; one that another copy of the worker wrote a moment earlier is waited for. */
  private async insertAll(
    fresh: readonly Beginning[],
    isBehind: (beginning: Beginning) => boolean,
  ): Promise<Map<Beginning, Begun>> {
    if (fresh.length === 0) return new Map();
    const now = new Date();
    const records = fresh.map((beginning): ReactionRecord => {
      const { id: _id, reaction, lane, claim } = beginning;
      const record = { _id, reaction, lane, open: true, attempts: 0, awayAttempts: 0, beganTime: now } as const;
      return isBehind(beginning)
        ? { ...record, state: 'waiting', due: now }
        : { ...record, state: 'running', claim, leaseUntil: this.leaseFrom(now) };
    });
    const refused = await this.insertUnordered(records);
    return new Map(
      fresh.map((beginning, index) => [
        beginning,
        refused.has(index) || records[index]?.state === 'waiting' ? { kind: 'wait' } : claimed(beginning),
      ]),
    );
  }

  /** Gives the places of those that were there already. */
  private async insertUnordered(records: ReactionRecord[]): Promise<Set<number>> {
    try {
      await this.records.insertMany(records, { ordered: false });
      return new Set();
    } catch (error) {
      if (!(error instanceof mongo.MongoBulkWriteError)) throw error;
      const errors = Array.isArray(error.writeErrors) ? error.writeErrors : [error.writeErrors];
      if (errors.length === 0 || errors.some(({ code }) => code !== DUPLICATE)) throw error;
      return new Set(errors.map(({ index }) => index));
    }
  }

  /** For an event that has waited: claims it when it is due and nobody else holds it. A replay opens a dead one again, once. */
  async resume(id: string, reaction: string, lane: string, replay?: string): Promise<Resumed> {
    const now = new Date();
    const claim = newClaim();
    const running = { state: 'running', claim, leaseUntil: this.leaseFrom(now) } as const;
    const taken = await this.records.findOneAndUpdate(
      {
        _id: id,
        open: true,
        $or: [
          { state: 'waiting', due: { $lte: now } },
          { state: 'running', leaseUntil: { $lte: now } },
        ],
      },
      { $set: running },
      { returnDocument: 'after' },
    );
    if (taken) return { kind: 'claimed', claim: claimOf(taken, claim) };
    const record = await this.records.findOne({ _id: id });
    if (!record) {
      await this.records.updateOne(
        { _id: id },
        {
          $setOnInsert: {
            reaction,
            lane,
            open: true,
            state: 'waiting',
            due: now,
            attempts: 0,
            awayAttempts: 0,
            beganTime: now,
          },
        },
        { upsert: true },
      );
      return { kind: 'later', at: now };
    }
    if (record.open) return { kind: 'later', at: (record.state === 'waiting' ? record.due : record.leaseUntil) ?? now };
    if (record.state === 'done' || replay === undefined || record.replay === replay) return { kind: 'finished' };
    await this.records.updateOne(
      { _id: id, state: 'dead' },
      {
        $set: { open: true, state: 'waiting', due: now, attempts: 0, awayAttempts: 0, replay },
        $unset: { endedTime: '', firstFailure: '', failure: '', note: '' },
      },
    );
    return { kind: 'later', at: now };
  }

  /**
   * Of reactions to a document those that have not begun since a time. One that waits or runs counts as not begun when nobody has looked after
   * it for long: its event is gone from the retry topic.
   */
  async missing<T extends { readonly reaction: string; readonly key: string; readonly since: Date }>(
    wanted: readonly T[],
  ): Promise<T[]> {
    const prefixOf = ({ reaction, key }: T) => `${reaction}:${key}:`;
    const forgotten = new Date(Date.now() - FORGOTTEN_AFTER_MS);
    const begun = await this.records
      .find(
        {
          $or: wanted.map((each) => ({
            _id: { $gte: prefixOf(each), $lt: `${prefixOf(each).slice(0, -1)};` }, // which comes after the colon
            beganTime: { $gte: each.since },
          })),
          $nor: [
            { state: 'waiting', due: { $lt: forgotten } },
            { state: 'running', leaseUntil: { $lt: forgotten } },
          ],
        },
        { projection: { beganTime: 1 } },
      )
      .toArray();
    const latest = new Map<string, Date>();
    for (const { _id, beganTime } of begun) {
      const prefix = _id.slice(0, _id.lastIndexOf(':') + 1);
      const known = latest.get(prefix);
      if (!known || beganTime > known) latest.set(prefix, beganTime);
    }
    return wanted.filter((each) => {
      const known = latest.get(prefixOf(each));
      return !known || known < each.since;
    });
  }

  /** Keeps the lease alive while the attempt runs; `lost` is told when someone else may have taken it. */
  hold({ claim, id }: Claim, lost: () => void): () => void {
    this.held.set(claim, { id, lost });
    return () => this.held.delete(claim);
  }

  /** Notes that a reaction is done. Of a claim that was lost meanwhile nothing is noted: whoever has it now finishes it. */
  complete(claim: Claim, note?: string): Promise<void> {
    return this.close(claim, 'done', note === undefined ? {} : { note });
  }

  bury(claim: Claim, failure: string): Promise<void> {
    return this.close(claim, 'dead', { failure, attempts: claim.attempts, awayAttempts: claim.awayAttempts });
  }

  postpone(claim: Claim, due: Date, failure: string): Promise<void> {
    const { attempts, awayAttempts, firstFailure } = claim;
    return this.updates.do({
      filter: { _id: claim.id, claim: claim.claim },
      update: {
        $set: { state: 'waiting', due, attempts, awayAttempts, failure, ...(firstFailure && { firstFailure }) },
        $unset: { claim: '', leaseUntil: '' },
      },
    });
  }

  /** Gives up a claim whose attempt has not begun. */
  giveBack({ id, claim }: Claim): Promise<void> {
    return this.updates.do({
      filter: { _id: id, claim },
      update: { $set: { state: 'waiting', due: new Date() }, $unset: { claim: '', leaseUntil: '' } },
    });
  }

  /** Closes the record of a message that waited but cannot be given to its reaction any more. */
  async abandon(id: string, failure: string): Promise<void> {
    await this.records.updateOne(
      { _id: id, open: true },
      {
        $set: { failure, state: 'dead', endedTime: new Date() },
        $unset: { open: '', claim: '', leaseUntil: '', due: '' },
      },
    );
  }

  private close(claim: Claim, state: 'done' | 'dead', fields: Partial<ReactionRecord>): Promise<void> {
    return this.updates.do({
      filter: { _id: claim.id, claim: claim.claim },
      update: {
        $set: { ...fields, state, endedTime: new Date() },
        $unset: { open: '', claim: '', leaseUntil: '', due: '' },
      },
    });
  }

  private async renew(): Promise<void> {
    if (this.held.size === 0) return;
    const claims = [...this.held.keys()];
    try {
      const running = { _id: { $in: claims.map((claim) => this.held.get(claim)?.id ?? '') }, claim: { $in: claims } };
      const { matchedCount } = await this.records.updateMany(running, {
        $set: { leaseUntil: this.leaseFrom(new Date()) },
      });
      if (matchedCount === claims.length) return;
      const still = new Set(
        (await this.records.find(running, { projection: { claim: 1 } }).toArray()).map(({ claim }) => claim),
      );
      for (const claim of claims) if (!still.has(claim)) this.held.get(claim)?.lost();
    } catch {
      // MongoDB is away; nobody else can take the lease then either, and the next renewal tells.
    }
  }

  private leaseFrom(now: Date): Date {
    return new Date(now.getTime() + this.settings.lease);
  }
}

function claimOf(record: ReactionRecord, claim: string): Claim {
  const { _id: id, attempts, awayAttempts, firstFailure } = record;
  return { id, claim, attempts, awayAttempts, ...(firstFailure && { firstFailure }) };
}

const claimed = ({ id, claim }: Beginning): Begun => ({
  kind: 'claimed',
  claim: { id, claim, attempts: 0, awayAttempts: 0 },
});

const DUPLICATE = 11000;
/** Whoever reads the retry topic asks for what waits every few seconds. */
const FORGOTTEN_AFTER_MS = 3_600_000;
