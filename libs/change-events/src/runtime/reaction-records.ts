import { createHash, randomUUID } from 'node:crypto';
import type { Connection } from 'mongoose';
import type { StreamEvent } from './reaction.ts';

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

  constructor(settings: RecordSettings) {
    this.settings = settings;
  }

  private get records() {
    return this.settings.connection.getClient().db(this.settings.connection.name).collection<ReactionRecord>(REACTIONS);
  }

  async prepare(): Promise<void> {
    await this.records.createIndexes([
      { key: { lane: 1 }, name: 'open_lane', partialFilterExpression: { open: true } },
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

  /** For an event that comes from its topic: claims it, unless it has been reacted to, is being so, or must wait behind an earlier one of its lane. */
  async begin(id: string, reaction: string, lane: string): Promise<Begun> {
    const [own, earlier] = await Promise.all([
      this.records.findOne({ _id: id }, { projection: { open: 1 } }),
      this.records.findOne({ lane, open: true, _id: { $ne: id } }, { projection: { _id: 1 } }),
    ]);
    if (own) return own.open ? { kind: 'wait' } : { kind: 'finished' };
    const now = new Date();
    const fresh = { _id: id, reaction, lane, open: true, attempts: 0, awayAttempts: 0, beganTime: now } as const;
    const claim = randomUUID();
    try {
      await this.records.insertOne(
        earlier
          ? { ...fresh, state: 'waiting', due: now }
          : { ...fresh, state: 'running', claim, leaseUntil: this.leaseFrom(now) },
      );
    } catch (error) {
      if (isDuplicate(error)) return { kind: 'wait' }; // another copy of the worker was a moment faster
      throw error;
    }
    return earlier ? { kind: 'wait' } : { kind: 'claimed', claim: { id, claim, attempts: 0, awayAttempts: 0 } };
  }

  /** For an event that has waited: claims it when it is due and nobody else holds it. A replay opens a dead one again, once. */
  async resume(id: string, reaction: string, lane: string, replay?: string): Promise<Resumed> {
    const now = new Date();
    const claim = randomUUID();
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

  /** Keeps the lease alive while the attempt runs; `lost` is told when someone else may have taken it. */
  hold({ claim, id }: Claim, lost: () => void): () => void {
    this.held.set(claim, { id, lost });
    return () => this.held.delete(claim);
  }

  /** False when the claim was lost meanwhile: whoever has it now finishes it. */
  complete(claim: Claim, note?: string): Promise<boolean> {
    return this.close(claim, 'done', note === undefined ? {} : { note });
  }

  bury(claim: Claim, failure: string): Promise<boolean> {
    return this.close(claim, 'dead', { failure, attempts: claim.attempts, awayAttempts: claim.awayAttempts });
  }

  async postpone(claim: Claim, due: Date, failure: string): Promise<boolean> {
    const { attempts, awayAttempts, firstFailure } = claim;
    const { matchedCount } = await this.records.updateOne(
      { _id: claim.id, claim: claim.claim },
      {
        $set: { state: 'waiting', due, attempts, awayAttempts, failure, ...(firstFailure && { firstFailure }) },
        $unset: { claim: '', leaseUntil: '' },
      },
    );
    return matchedCount === 1;
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

  private async close(claim: Claim, state: 'done' | 'dead', fields: Partial<ReactionRecord>): Promise<boolean> {
    const { matchedCount } = await this.records.updateOne(
      { _id: claim.id, claim: claim.claim },
      { $set: { ...fields, state, endedTime: new Date() }, $unset: { open: '', claim: '', leaseUntil: '', due: '' } },
    );
    return matchedCount === 1;
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

function isDuplicate(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 11000;
}
