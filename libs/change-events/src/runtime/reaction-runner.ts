import { type FairQueue, inSpan, isTracing, type Logger, noteFailure } from '@caregate/service';
import type { RawMessage, StreamEvent } from './event-stream.ts';
import { describeFailure, failureKind, retryAfter } from './failures.ts';
import type { Outbox } from './outbox.ts';
import { ReactionContext, type ReactionDefinition } from './reaction.ts';
import type { Claim, ReactionRecords } from './reaction-records.ts';
import { nextStep, type RetryPolicy } from './retry-policy.ts';
import type { RuntimeMetrics } from './runtime-metrics.ts';
import type { UntilDone } from './until-done.ts';

export interface BoundReaction {
  readonly definition: ReactionDefinition<unknown>;
  readonly retries: RetryPolicy;
  readonly handle: (data: unknown, context: ReactionContext) => Promise<unknown>;
  readonly queue: ReactionQueue;
}

/** The places that reactions of one kind share. */
export interface ReactionQueue {
  /** How many run at once. */
  readonly slots: FairQueue;
  /** How many are claimed, or about to be: more than run, so that many are claimed with one write. */
  readonly claims: FairQueue;
}

/** One reaction to one event. */
export interface Work {
  readonly id: string;
  readonly lane: string;
  /** Whose turn it takes. */
  readonly tenant: string;
  readonly reaction: BoundReaction;
  readonly event: StreamEvent;
  readonly message: RawMessage;
}

/** `later`: the record says when to go on. */
export type Outcome = 'settled' | 'later';

export interface RunnerSettings {
  readonly records: ReactionRecords;
  readonly outbox: Outbox;
  readonly measured: RuntimeMetrics;
  readonly logger: Logger;
  readonly untilDone: UntilDone;
  /** Aborted when a shutdown can wait no longer. */
  readonly outOfTime: AbortSignal;
  /** The trace of a database transaction, as a W3C `traceparent`. */
  readonly traceOf: (transaction: string) => Promise<string | undefined>;
}

/** Runs claimed reactions, and notes how it went: done, to be tried again, or dead. */
export class ReactionRunner {
  private readonly settings: RunnerSettings;

  constructor(settings: RunnerSettings) {
    this.settings = settings;
  }

  /** Runs a claimed reaction when its turn comes. Rejects when `dropped` was aborted before: then the claim is given back. */
  async attempt(work: Work, claim: Claim, dropped: AbortSignal): Promise<Outcome> {
    if (!isTracing()) return this.attemptOnce(work, claim, dropped);
    const { id, reaction, message, event } = work;
    const attributes = {
      'caregate.reaction': reaction.definition.name,
      'caregate.reaction_id': id,
      'caregate.attempt': attemptNumber(claim),
      'messaging.system': 'kafka',
      'messaging.destination.name': message.topic,
    };
    // A database that is away is no reason not to react: then the trace begins here.
    const parent = event.transaction && (await this.settings.traceOf(event.transaction).catch(() => undefined));
    const options = { kind: 'consumer', attributes, ...(parent && { parent }) } as const;
    return inSpan(`reaction ${reaction.definition.name}`, options, () => this.attemptOnce(work, claim, dropped));
  }

  private async attemptOnce(work: Work, claim: Claim, dropped: AbortSignal): Promise<Outcome> {
    const { records, measured, logger, untilDone, outOfTime } = this.settings;
    const { name } = work.reaction.definition;
    const { slots } = work.reaction.queue;
    const stop = new AbortController();
    const release = records.hold(claim, () => stop.abort(new Error('another worker has taken the reaction over')));
    let began = false;
    try {
      const note = await slots.run(work, () => {
        dropped.throwIfAborted();
        began = true;
        return this.run(work, claim, stop);
      });
      await untilDone('note a reaction as done', outOfTime, () => records.complete(claim, note));
      measured.reaction(name, 'handled');
      measured.age(work.message.topic, name, work.event.time);
      logger.debug({ reactionId: work.id, reaction: name }, 'reacted');
      return 'settled';
    } catch (error) {
      outOfTime.throwIfAborted(); // the lease runs out, and whoever reads the message next goes on
      if (began) return await this.failed(work, claim, error);
      await records.giveBack(claim).catch(() => {}); // then it is the lease that runs out
      throw error;
    } finally {
      release();
    }
  }

  private async run(
    { id, reaction, event, message }: Work,
    claim: Claim,
    stop: AbortController,
  ): Promise<string | undefined> {
    const { definition, handle } = reaction;
    const took = this.settings.measured.start(definition.name);
    const deadline = definition.deadline ?? DEADLINE_MS;
    const late = setTimeout(() => stop.abort(new Error(`the reaction took longer than ${deadline} ms`)), deadline);
    const signal = AbortSignal.any([stop.signal, this.settings.outOfTime]);
    try {
      const attempt = attemptNumber(claim);
      const context = new ReactionContext([{ reactionId: id, attempt, event, origin: message, signal }]);
      const result = await Promise.race([handle(event.data, context), rejectWhenAborted(signal)]);
      return typeof result === 'string' ? result : undefined;
    } finally {
      clearTimeout(late);
      took();
    }
  }

  private async failed(work: Work, before: Claim, error: unknown): Promise<Outcome> {
    const { records, measured, logger, untilDone, outOfTime } = this.settings;
    const { name } = work.reaction.definition;
    const kind = failureKind(error);
    noteFailure(error);
    const now = new Date();
    const claim = {
      ...before,
      attempts: before.attempts + (kind === 'away' ? 0 : 1),
      awayAttempts: before.awayAttempts + (kind === 'away' ? 1 : 0),
      firstFailure: before.firstFailure ?? now,
    };
    const next = nextStep(work.reaction.retries, { ...claim, kind, now, retryAfter: retryAfter(error) });
    const { reason, stack } = describeFailure(error);
    const attempts = claim.attempts + claim.awayAttempts;
    logger.warn({ reactionId: work.id, reaction: name, kind, reason, attempts, next: next.step }, 'a reaction failed');
    if (next.step === 'retry') {
      await untilDone('postpone a reaction', outOfTime, () => records.postpone(claim, next.due, reason));
      measured.reaction(name, 'retried');
      return 'later';
    }
    const { id, lane, message } = work;
    await this.settings.outbox.bury({ id, reaction: name, lane, reason, stack, attempts, message });
    await untilDone('note a reaction as dead', outOfTime, () => records.bury(claim, reason));
    measured.reaction(name, 'dead');
    return 'settled';
  }
}

const DEADLINE_MS = 120_000;

/** From 1. */
const attemptNumber = ({ attempts, awayAttempts }: Claim) => attempts + awayAttempts + 1;

function rejectWhenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const fail = () => reject(signal.reason);
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });
}
