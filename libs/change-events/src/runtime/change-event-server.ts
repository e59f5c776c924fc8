import { setTimeout as delay } from 'node:timers/promises';
import { type HealthChecks, type Logger, type Metrics } from '@caregate/service';
import { type CustomTransportStrategy, type MessageHandler, Server } from '@nestjs/microservices';
import { Kafka, logLevel, type Message, type Producer } from 'kafkajs';
import type { Connection } from 'mongoose';
import pLimit from 'p-limit';
import pRetry from 'p-retry';
import { lastValueFrom } from 'rxjs';
import { ensureTopics, runtimeTopicDefinitions, type TopicDefinition, type Topics, topicsOf } from '../topics.ts';
import { burialKey, type DeadLetter, malformedId, writeDeadLetter } from './dead-letter.ts';
import { describeFailure, failureKind } from './failures.ts';
import { Intake } from './intake.ts';
import { Lanes } from './lanes.ts';
import type { EventStream, RawMessage, StreamEvent } from './event-stream.ts';
import { CHANGE_EVENTS, ReactionContext, type ReactionDefinition } from './reaction.ts';
import { type Claim, laneOf, newClaim, reactionId, ReactionRecords } from './reaction-records.ts';
import { DEFAULT_RETRIES, nextStep, type RetryPolicy } from './retry-policy.ts';
import { RuntimeMetrics } from './runtime-metrics.ts';
import { fromRetryMessage, toRetryMessage, type WaitingFor } from './waiting-message.ts';

export interface ChangeEventServerSettings {
  readonly brokers: readonly string[];
  /** Names the consumer group and begins the names of the retry and dead-letter topics. */
  readonly topicPrefix: string;
  /** The group's own name; `<topicPrefix>.worker` unless given. */
  readonly groupId?: string;
  readonly streams: readonly EventStream[];
  /** Where the reaction records live. */
  readonly connection: Connection;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly health: HealthChecks;
  /** The topics of the streams, created where they are missing, so that the worker can start before whoever fills them. */
  readonly topics?: readonly TopicDefinition[];
  readonly retries?: Partial<RetryPolicy>;
  /** Milliseconds that a reaction's record stays claimed after its worker's last sign of life. */
  readonly lease?: number;
  /** Days that finished records are kept; longer than Kafka keeps events. */
  readonly keepDays?: number;
  /** How many reactions run at once in this process. */
  readonly concurrency?: number;
  /** Milliseconds that a shutdown waits for reactions that run. */
  readonly grace?: number;
}

interface BoundReaction {
  readonly definition: ReactionDefinition<unknown>;
  readonly retries: RetryPolicy;
  readonly handle: MessageHandler;
}

/** `later`: the record says when to go on, and nobody has been told yet. */
type Outcome = 'settled' | 'later';

/**
 * Nest's transport for change events: reads the streams' topics from Kafka and runs each reaction once per event, in the order of each document.
 *
 * A message that comes is dealt with when each of its reactions is done or waits in the retry topic, so a partition never waits for a retry.
 * Order: an event whose lane (reaction and document) has an unfinished earlier event is put behind it in the retry topic, where a lane keeps
 * to one partition. What is unfinished is known from the records, which every copy of the worker sees.
 */
export class ChangeEventServer extends Server implements CustomTransportStrategy {
  override readonly transportId = CHANGE_EVENTS;
  override readonly propagatesEventHandlerErrors = true;
  private readonly settings: ChangeEventServerSettings;
  private readonly kafka: Kafka;
  private readonly producer: Producer;
  private readonly topics: Pick<Topics, 'retry' | 'deadLetters'>;
  private readonly records: ReactionRecords;
  private readonly measured: RuntimeMetrics;
  private readonly intake: Intake;
  private readonly streams: ReadonlyMap<string, EventStream>;
  private readonly reactions = new Map<string, BoundReaction>();
  /** Documents for what comes, reaction and document for what waits. */
  private readonly lanes = new Lanes();
  private readonly slots: ReturnType<typeof pLimit>;
  /** Aborted when the grace time of a shutdown is over. */
  private readonly outOfTime = new AbortController();
  private prepared = false;

  constructor(settings: ChangeEventServerSettings) {
    super();
    this.settings = settings;
    this.kafka = new Kafka({
      clientId: settings.groupId ?? `${settings.topicPrefix}.worker`,
      brokers: [...settings.brokers],
      connectionTimeout: 3_000,
      requestTimeout: 15_000,
      retry: { retries: 3, initialRetryTime: 200, maxRetryTime: 2_000 },
      logLevel: logLevel.WARN,
      logCreator:
        () =>
        ({ namespace, log: { message, error } }) =>
          settings.logger.debug({ kafka: namespace, error: String(error ?? '') }, message),
    });
    this.producer = this.kafka.producer({ allowAutoTopicCreation: false });
    this.topics = topicsOf(settings.topicPrefix);
    this.records = new ReactionRecords({
      connection: settings.connection,
      lease: settings.lease ?? 30_000,
      keepDays: settings.keepDays ?? 30,
    });
    this.slots = pLimit(settings.concurrency ?? 64);
    // A stream's decoder and its reactions agree on the data's type; between them it is unknown.
    this.streams = new Map((settings.streams as readonly EventStream[]).map((stream) => [stream.topic, stream]));
    this.intake = new Intake({
      kafka: this.kafka,
      groupId: settings.groupId ?? `${settings.topicPrefix}.worker`,
      topics: [...this.streams.keys(), this.topics.retry],
      logger: settings.logger,
      prepare: () => this.prepare(),
      receive: (message, dropped) =>
        message.topic === this.topics.retry ? this.receiveWaiting(message, dropped) : this.receive(message, dropped),
    });
    this.measured = new RuntimeMetrics(
      settings.metrics,
      () => this.intake.lags(),
      () => this.slots.activeCount,
    );
  }

  /** Binds the reactions and begins to read in the background; Kafka or MongoDB may still be away. */
  listen(callback: (error?: unknown) => void): void {
    try {
      for (const [name, handler] of this.messageHandlers) this.bind(name, handler);
    } catch (error) {
      callback(error);
      return;
    }
    this.settings.health.register('kafka', async () => this.intake.assertReading());
    this.records.start();
    this.intake.start();
    callback();
  }

  /** Finishes what runs, commits, leaves the group. */
  async close(): Promise<void> {
    const grace = setTimeout(() => this.outOfTime.abort(new Error('shutting down')), this.settings.grace ?? 20_000);
    try {
      await this.intake.stop();
    } finally {
      clearTimeout(grace);
      this.records.stop();
      await this.producer.disconnect().catch(() => {});
    }
  }

  on(): never {
    throw new Error('this transport has no events of its own');
  }

  unwrap<T>(): T {
    // Nest's way to reach what lies below; the caller says what it expects.
    return this.kafka as T;
  }

  private bind(name: string, handler: MessageHandler): void {
    const definition: ReactionDefinition<unknown> | undefined = handler.extras?.['reaction'];
    if (!definition) return;
    if (handler.next) throw new Error(`two reactions are called ${name}`);
    if (![...this.streams.values()].some((stream) => stream.name === definition.stream)) {
      throw new Error(`the reaction ${name} is to a stream that does not exist: ${definition.stream}`);
    }
    this.reactions.set(definition.name, {
      definition,
      handle: handler,
      retries: { ...DEFAULT_RETRIES, ...this.settings.retries, ...definition.retries },
    });
  }

  private async prepare(): Promise<void> {
    if (this.prepared) return;
    await ensureTopics(this.kafka, this.settings.topics ?? runtimeTopicDefinitions(this.settings.topicPrefix));
    await this.producer.connect();
    await this.records.prepare();
    this.prepared = true;
  }

  /** A message that comes from its own topic. */
  private receive(message: RawMessage, dropped: AbortSignal): Promise<void> | undefined {
    const read = this.read(message);
    if (read instanceof Error) return this.buryMessage(message, read);
    if (!read) return undefined;
    const { stream, event } = read;
    const concerned = this.concernedBy(stream, event);
    this.measured.received(message.topic, concerned.length > 0);
    if (concerned.length === 0) return undefined;
    return this.lanes.run(`${stream.name}|${event.key}`, async () => {
      dropped.throwIfAborted();
      await Promise.all(concerned.map((reaction) => this.reactToNew(reaction, event, message, dropped)));
    });
  }

  private async reactToNew(
    reaction: BoundReaction,
    event: StreamEvent,
    message: RawMessage,
    dropped: AbortSignal,
  ): Promise<void> {
    const { name } = reaction.definition;
    const id = reactionId(name, event);
    const lane = laneOf(name, event.key);
    const claim = newClaim();
    const outcome = await this.slots(async (): Promise<Outcome> => {
      dropped.throwIfAborted();
      const begun = await this.untilDone('claim a reaction', dropped, () =>
        this.records.begin({ id, reaction: name, lane, claim }),
      );
      if (begun.kind === 'claimed') return this.attempt(reaction, event, message, begun.claim);
      this.measured.reaction(name, begun.kind === 'finished' ? 'repeated' : 'queued');
      return begun.kind === 'finished' ? 'settled' : 'later';
    });
    if (outcome === 'later') await this.write(this.topics.retry, toRetryMessage(message, { reaction: name, id, lane }));
  }

  /** A message of the retry topic: its turn comes when what is before it in its lane is finished and its own wait is over. */
  private receiveWaiting(waiting: RawMessage, dropped: AbortSignal): Promise<void> | undefined {
    const unwrapped = attemptTo(() => fromRetryMessage(waiting));
    if (unwrapped instanceof Error) return this.buryMessage(waiting, unwrapped);
    const { message, waitingFor } = unwrapped;
    if (waitingFor.reaction === undefined) return this.receive(message, dropped); // a replay of what could not be read
    const reaction = this.reactions.get(waitingFor.reaction);
    if (!reaction)
      return this.buryMessage(message, new Error(`there is no reaction ${waitingFor.reaction}`), waitingFor);
    const read = this.read(message);
    if (read instanceof Error || !read)
      return this.buryMessage(message, read ?? new Error('the message is empty'), waitingFor);
    return this.lanes.run(`waiting|${waitingFor.lane}`, () =>
      this.reactToWaiting(reaction, read.event, message, waitingFor, dropped),
    );
  }

  private async reactToWaiting(
    reaction: BoundReaction,
    event: StreamEvent,
    message: RawMessage,
    { lane, replay }: WaitingFor,
    dropped: AbortSignal,
  ): Promise<void> {
    const { name } = reaction.definition;
    const id = reactionId(name, event);
    for (;;) {
      const turn = await this.slots(async () => {
        dropped.throwIfAborted();
        const resumed = await this.untilDone('resume a reaction', dropped, () =>
          this.records.resume(id, name, lane, replay),
        );
        if (resumed.kind === 'claimed') return this.attempt(reaction, event, message, resumed.claim);
        return resumed.kind === 'finished' ? ('settled' as const) : resumed.at;
      });
      if (turn === 'settled') return;
      // Whoever holds it may be done sooner than the lease says, so it is asked now and then.
      const wait = turn === 'later' ? 0 : Math.min(Math.max(turn.getTime() - Date.now(), 20), 5_000);
      await delay(wait, undefined, { signal: dropped });
    }
  }

  /** Runs a claimed reaction once and notes how it went. */
  private async attempt(
    reaction: BoundReaction,
    event: StreamEvent,
    message: RawMessage,
    claim: Claim,
  ): Promise<Outcome> {
    const { name } = reaction.definition;
    const took = this.measured.start(name);
    try {
      const note = await this.run(reaction, event, message, claim);
      await this.untilDone('note a reaction as done', this.outOfTime.signal, () => this.records.complete(claim, note));
      this.measured.reaction(name, 'handled', event.time);
      return 'settled';
    } catch (error) {
      this.outOfTime.signal.throwIfAborted(); // the lease runs out, and whoever reads the message next goes on
      return await this.failed(reaction, event, message, claim, error);
    } finally {
      took();
    }
  }

  private async run(
    reaction: BoundReaction,
    event: StreamEvent,
    message: RawMessage,
    claim: Claim,
  ): Promise<string | undefined> {
    const { definition, handle } = reaction;
    const stop = new AbortController();
    const release = this.records.hold(claim, () => stop.abort(new Error('another worker has taken the reaction over')));
    const deadline = definition.deadline ?? DEADLINE_MS;
    const late = setTimeout(() => stop.abort(new Error(`the reaction took longer than ${deadline} ms`)), deadline);
    const signal = AbortSignal.any([stop.signal, this.outOfTime.signal]);
    try {
      const context = new ReactionContext([
        { reactionId: claim.id, attempt: claim.attempts + claim.awayAttempts + 1, event, origin: message, signal },
      ]);
      const result: unknown = await Promise.race([
        Promise.resolve(handle(event.data, context)).then((value) =>
          lastValueFrom(this.transformToObservable<unknown>(value), { defaultValue: undefined }),
        ),
        rejectWhenAborted(signal),
      ]);
      return typeof result === 'string' ? result : undefined;
    } finally {
      clearTimeout(late);
      release();
    }
  }

  private async failed(
    reaction: BoundReaction,
    event: StreamEvent,
    message: RawMessage,
    claim: Claim,
    error: unknown,
  ): Promise<Outcome> {
    const { name } = reaction.definition;
    const kind = failureKind(error);
    const now = new Date();
    const counted: Claim = {
      ...claim,
      attempts: claim.attempts + (kind === 'away' ? 0 : 1),
      awayAttempts: claim.awayAttempts + (kind === 'away' ? 1 : 0),
      firstFailure: claim.firstFailure ?? now,
    };
    const next = nextStep(reaction.retries, {
      kind,
      attempts: counted.attempts,
      awayAttempts: counted.awayAttempts,
      firstFailure: counted.firstFailure ?? now,
      now,
    });
    const { reason, stack } = describeFailure(error);
    this.settings.logger.warn(
      {
        reactionId: claim.id,
        reaction: name,
        kind,
        reason,
        attempt: counted.attempts + counted.awayAttempts,
        next: next.step,
      },
      'a reaction failed',
    );
    if (next.step === 'retry') {
      await this.untilDone('postpone a reaction', this.outOfTime.signal, () =>
        this.records.postpone(counted, next.due, reason),
      );
      this.measured.reaction(name, 'retried');
      return 'later';
    }
    await this.sendDeadLetter({
      id: claim.id,
      reaction: name,
      lane: laneOf(name, event.key),
      reason,
      stack,
      attempts: counted.attempts + counted.awayAttempts,
      message,
    });
    await this.untilDone('note a reaction as dead', this.outOfTime.signal, () => this.records.bury(counted, reason));
    this.measured.reaction(name, 'dead');
    return 'settled';
  }

  private read(message: RawMessage): { stream: EventStream; event: StreamEvent } | undefined | Error {
    const stream = this.streams.get(message.topic);
    if (!stream) return new Error(`nobody reads the topic ${message.topic}`);
    const event = attemptTo(() => stream.decode(message));
    return event instanceof Error || !event ? event : { stream, event };
  }

  private concernedBy(stream: EventStream, event: StreamEvent): BoundReaction[] {
    return [...this.reactions.values()].filter(({ definition }) => {
      if (definition.stream !== stream.name) return false;
      // A condition that fails on a strange event lets it through: the reaction then fails on it with a record and a reason.
      return !definition.when || attemptTo(() => definition.when?.(event.data)) !== false;
    });
  }

  /** A message that no reaction can be given. */
  private async buryMessage(message: RawMessage, error: Error, waited?: WaitingFor): Promise<void> {
    const { reason, stack } = describeFailure(error);
    const id = waited?.id ?? malformedId(message);
    const { reaction, lane = id } = waited ?? {};
    this.settings.logger.warn({ deadLetter: id, reason }, 'a message cannot be read');
    await this.sendDeadLetter({
      id,
      lane,
      reason,
      stack,
      attempts: 1,
      message,
      ...(reaction !== undefined && { reaction }),
    });
    if (waited)
      await this.untilDone('note a reaction as dead', this.outOfTime.signal, () => this.records.abandon(id, reason));
    this.measured.malformed(message.topic);
  }

  private sendDeadLetter(dead: Omit<DeadLetter, 'time'>): Promise<void> {
    const letter = { ...dead, time: new Date() };
    return this.write(this.topics.deadLetters, { key: burialKey(letter), value: writeDeadLetter(letter) });
  }

  private async write(topic: string, message: Message): Promise<void> {
    await this.untilDone(`write to ${topic}`, this.outOfTime.signal, () =>
      this.producer.send({ topic, acks: -1, messages: [message] }),
    );
  }

  /** Does what only a server that is away can hinder, for as long as it takes; rejects when `stop` is aborted. */
  private async untilDone<T>(what: string, stop: AbortSignal, task: () => Promise<T>): Promise<T> {
    let done: { readonly result: T } | undefined;
    try {
      await pRetry(async () => void (done = { result: await task() }), {
        retries: Number.POSITIVE_INFINITY,
        minTimeout: 100,
        maxTimeout: 3_000,
        randomize: true,
        signal: stop,
        onFailedAttempt: ({ error, attemptNumber }) => {
          if (attemptNumber === 2) this.settings.logger.warn({ err: error }, `cannot ${what}; trying on`);
        },
      });
    } catch (error) {
      if (!done) throw error; // told to stop while the last try was under way: what it did counts
    }
    if (!done) throw new Error(`${what}: nothing was done`);
    return done.result;
  }
}

const DEADLINE_MS = 120_000;

function attemptTo<T>(task: () => T): T | Error {
  try {
    return task();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function rejectWhenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const fail = () => reject(signal.reason);
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });
}
