import { setTimeout as delay } from 'node:timers/promises';
import { FairQueue, type HealthChecks, type Logger, type Metrics, traceOfTransaction } from '@caregate/service';
import { type CustomTransportStrategy, type MessageHandler, Server } from '@nestjs/microservices';
import { Kafka, logLevel, type Producer } from 'kafkajs';
import type { Connection } from 'mongoose';
import { lastValueFrom } from 'rxjs';
import { ensureTopics, runtimeTopicDefinitions, type TopicDefinition, topicsOf } from '../topics.ts';
import { malformedId } from './dead-letter.ts';
import { type DueEvent, DueEvents, type DueSettings } from './due-events.ts';
import { type EventStream, IN_NO_TOPIC, type RawMessage, type StreamEvent } from './event-stream.ts';
import { describeFailure } from './failures.ts';
import { Intake } from './intake.ts';
import { Lanes } from './lanes.ts';
import { Outbox } from './outbox.ts';
import { PartitionPlaces } from './partition-places.ts';
import { type KafkaAddress, serversOf } from '../kafka-address.ts';
import { CHANGE_EVENTS, type ReactionDefinition } from './reaction.ts';
import { laneOf, newClaim, reactionId, ReactionRecords } from './reaction-records.ts';
import { Restores } from './restores.ts';
import { type BoundReaction, type Outcome, type ReactionQueue, ReactionRunner, type Work } from './reaction-runner.ts';
import { openGaps, ReadPositions } from './read-positions.ts';
import { DEFAULT_RETRIES, type RetryPolicy } from './retry-policy.ts';
import { RuntimeMetrics } from './runtime-metrics.ts';
import { type UntilDone, untilDone } from './until-done.ts';
import { fromRetryMessage, type WaitingFor } from './waiting-message.ts';

export interface ChangeEventServerSettings extends KafkaAddress {
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
  /** Makes sure that the topics are ours; nothing is read or written before. */
  readonly claim?: (kafka: Kafka) => Promise<void>;
  /** The topics of the streams, created where they are missing, so that the worker can start before whoever fills them. */
  readonly topics?: readonly TopicDefinition[];
  readonly retries?: Partial<RetryPolicy>;
  /** Milliseconds that a reaction's record stays claimed after its worker's last sign of life. */
  readonly lease?: number;
  /** Days that finished records are kept; longer than Kafka keeps events. */
  readonly keepDays?: number;
  /** How many reactions run at once in this process. */
  readonly concurrency?: number;
  /** Whose an event is: tenants take turns, so that what one brings holds nobody else up. All events are one tenant's unless given. */
  readonly tenantOf?: (event: StreamEvent) => Promise<string>;
  /** Where events are found that did not come. */
  readonly due?: DueSettings;
  /** Milliseconds that a shutdown waits for reactions that run. */
  readonly grace?: number;
}

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
  private readonly records: ReactionRecords;
  private readonly measured: RuntimeMetrics;
  private readonly outbox: Outbox;
  private readonly runner: ReactionRunner;
  private readonly intake: Intake;
  private readonly untilDone: UntilDone;
  private readonly due: DueEvents | undefined;
  private looking: NodeJS.Timeout | undefined;
  private readonly streams: ReadonlyMap<string, EventStream>;
  private readonly reactions = new Map<string, BoundReaction>();
  /** Documents for what comes, reaction and document for what waits. */
  private readonly lanes = new Lanes();
  private readonly queues = new Map<string, ReactionQueue>();
  /** Aborted when the grace time of a shutdown is over. */
  private readonly outOfTime = new AbortController();
  private prepared = false;
  private restores = Restores.none;

  constructor(settings: ChangeEventServerSettings) {
    super();
    const { connection, logger, topicPrefix, groupId = `${topicPrefix}.worker` } = settings;
    const topics = topicsOf(topicPrefix);
    const outOfTime = this.outOfTime.signal;
    this.settings = settings;
    this.kafka = kafkaClient(settings, groupId);
    this.producer = this.kafka.producer({ allowAutoTopicCreation: false });
    this.untilDone = untilDone(logger);
    this.records = new ReactionRecords({
      connection,
      lease: settings.lease ?? 30_000,
      keepDays: settings.keepDays ?? 30,
    });
    this.measured = new RuntimeMetrics(
      settings.metrics,
      () => this.intake.lags(),
      () => [...this.queues.values()].reduce((running, { slots }) => running + slots.activeCount, 0),
    );
    this.outbox = new Outbox({ producer: this.producer, topics, untilDone: this.untilDone, outOfTime });
    const { records, outbox, measured } = this;
    this.runner = new ReactionRunner({
      records,
      outbox,
      measured,
      logger,
      untilDone: this.untilDone,
      outOfTime,
      traceOf: (transaction) => traceOfTransaction(connection, transaction),
    });
    this.due = settings.due && this.dueEvents(settings.due);
    this.streams = new Map(settings.streams.map((stream) => [stream.topic, stream]));
    this.intake = new Intake({
      kafka: this.kafka,
      groupId,
      topics: [...this.streams.keys(), topics.retry],
      logger,
      prepare: () => this.prepare(),
      keep: (messages) => this.keep(messages),
      places: new PartitionPlaces({
        kafka: this.kafka,
        groupId,
        positions: new ReadPositions(connection, groupId),
      }),
      receive: (message, dropped) =>
        message.topic === topics.retry ? this.receiveWaiting(message, dropped) : this.receive(message, dropped),
    });
  }

  private dueEvents(settings: DueSettings): DueEvents {
    return new DueEvents({
      ...settings,
      logger: this.settings.logger,
      missed: (events) => this.missed(events),
      give: (message) => this.keep([message]),
      found: (topic, count) => this.measured.foundDue(topic, count),
    });
  }

  /** Binds the reactions and begins to read in the background; Kafka or MongoDB may still be away. */
  listen(callback: (error?: unknown) => void): void {
    try {
      for (const [name, handler] of this.messageHandlers) this.bind(name, handler);
    } catch (error) {
      callback(error);
      return;
    }
    this.measured.expect([...this.streams.keys()], [...this.reactions.keys()]);
    this.settings.health.register('kafka', async () => this.intake.assertReading());
    this.records.start();
    this.intake.start();
    this.due?.start();
    this.looking = setInterval(() => void this.countGaps(), COUNT_GAPS_EVERY_MS).unref();
    callback();
  }

  /** Finishes what runs, commits, leaves the group. */
  async close(): Promise<void> {
    const grace = setTimeout(() => this.outOfTime.abort(new Error('shutting down')), this.settings.grace ?? 20_000);
    clearInterval(this.looking);
    try {
      await this.due?.stop();
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
      handle: async (data, context) =>
        lastValueFrom(this.transformToObservable<unknown>(await handler(data, context)), { defaultValue: undefined }),
      retries: { ...DEFAULT_RETRIES, ...this.settings.retries, ...definition.retries },
      queue: this.queueOf(definition.queue ?? ''),
    });
  }

  private queueOf(name: string): ReactionQueue {
    const queue = this.queues.get(name) ?? {
      slots: fairQueue(this.settings.concurrency ?? 64, name),
      claims: fairQueue(MOST_CLAIMED, name),
    };
    this.queues.set(name, queue);
    return queue;
  }

  private async prepare(): Promise<void> {
    const { claim, topicPrefix, topics = runtimeTopicDefinitions(topicPrefix) } = this.settings;
    if (!this.prepared) await claim?.(this.kafka);
    await ensureTopics(this.kafka, topics); // each time: a topic that was deleted stops the reading of all
    if (this.prepared) return;
    await this.producer.connect();
    await this.records.prepare();
    this.restores = await Restores.of(this.settings.connection);
    this.prepared = true;
  }

  /** Of a topic that is gone: what was read of it and is not finished waits in the retry topic, and is taken from there as if it came. */
  private async keep(messages: readonly RawMessage[]): Promise<void> {
    const { retry } = topicsOf(this.settings.topicPrefix);
    await Promise.all(
      messages.map((message) => {
        const { topic, partition, offset, key } = message;
        if (topic === retry) return this.outbox.letWaitOn(message);
        const lane = `kept|${topic}|${key?.toString() ?? ''}`; // keeps a document's events in their order
        return this.outbox.letWait(message, { id: `kept:${topic}:${partition}:${offset}`, lane });
      }),
    );
  }

  /** Those of the events to which a reaction that is concerned has not begun, as the records say. */
  private async missed(events: readonly DueEvent[]): Promise<readonly DueEvent[]> {
    if (!this.prepared) return [];
    const wanted = events.flatMap((due) => {
      const read = this.read(due.message);
      if (read === undefined || read instanceof Error) return [];
      const { stream, event } = read;
      const since = new Date(due.time.getTime() - WRITTEN_WITHIN_MS);
      return this.concernedBy(stream, event, due.message, true)
        .filter(({ definition }) => due.reactions.includes(definition.name))
        .map(({ definition }) => ({ due, reaction: definition.name, key: event.key, since }));
    });
    if (wanted.length === 0) return [];
    return [...new Set((await this.records.missing(wanted)).map(({ due }) => due))];
  }

  private async countGaps(): Promise<void> {
    const { connection, logger } = this.settings;
    try {
      this.measured.gaps([...this.streams.keys()], await openGaps(connection));
    } catch (error) {
      logger.debug({ err: error }, 'gaps could not be counted'); // the database is away, which others say
    }
  }

  /** A message that comes from its own topic, or once more as an operator wants it. */
  private receive(message: RawMessage, dropped: AbortSignal, isReplayed = false): Promise<void> | undefined {
    const read = this.read(message);
    if (read instanceof Error) return this.buryMessage(message, read);
    if (!read) return undefined;
    const { stream, event } = read;
    const concerned = this.concernedBy(stream, event, message, isReplayed);
    this.measured.received(message.topic, concerned.length > 0);
    if (concerned.length === 0) return undefined;
    return this.lanes.run(`${stream.name}|${event.key}`, async () => {
      dropped.throwIfAborted();
      const tenant = await this.tenantOf(event);
      await Promise.all(
        concerned.map((reaction) => this.reactToNew(workOf(reaction, event, message, tenant), dropped)),
      );
    });
  }

  private async reactToNew(work: Work, dropped: AbortSignal): Promise<void> {
    const { id, lane } = work;
    const { name } = work.reaction.definition;
    const claim = newClaim();
    const outcome = await work.reaction.queue.claims.run(work, async (): Promise<Outcome> => {
      dropped.throwIfAborted();
      const begun = await this.untilDone('claim a reaction', dropped, () =>
        this.records.begin({ id, reaction: name, lane, claim }),
      );
      if (begun.kind === 'claimed') return this.runner.attempt(work, begun.claim, dropped);
      this.measured.reaction(name, begun.kind === 'finished' ? 'repeated' : 'queued');
      return begun.kind === 'finished' ? 'settled' : 'later';
    });
    if (outcome === 'later') await this.outbox.letWait(work.message, { reaction: name, id, lane });
  }

  /** A message of the retry topic: its turn comes when what is before it in its lane is finished and its own wait is over. */
  private receiveWaiting(waiting: RawMessage, dropped: AbortSignal): Promise<void> | undefined {
    const unwrapped = attemptTo(() => fromRetryMessage(waiting));
    if (unwrapped instanceof Error) return this.buryMessage(waiting, unwrapped);
    const { message, waitingFor } = unwrapped;
    if (waitingFor.reaction === undefined) return this.receive(message, dropped, true); // a replay, also of what could not be read
    const reaction = this.reactions.get(waitingFor.reaction);
    if (!reaction)
      return this.buryMessage(message, new Error(`there is no reaction ${waitingFor.reaction}`), waitingFor);
    const read = this.read(message);
    if (!read) return this.buryMessage(message, new Error('the message is empty'), waitingFor);
    if (read instanceof Error) return this.buryMessage(message, read, waitingFor);
    const { event, stream } = read;
    // A dead letter of an undone time, say. No record of the restored database is about it.
    if (this.restores.standingOf(event) === 'undone' && !stream.outlastsRestores) return undefined;
    return this.lanes.run(`waiting|${waitingFor.lane}`, async () =>
      this.reactToWaiting(workOf(reaction, event, message, await this.tenantOf(event)), waitingFor.replay, dropped),
    );
  }

  private async reactToWaiting(work: Work, replay: string | undefined, dropped: AbortSignal): Promise<void> {
    for (;;) {
      const turn = await work.reaction.queue.claims.run(work, () => this.takeTurn(work, replay, dropped));
      if (turn === 'settled') return;
      // Whoever holds it may be done sooner than the lease says, so it is asked now and then.
      const wait = turn === 'later' ? 0 : Math.min(Math.max(turn.getTime() - Date.now(), 20), 5_000);
      await delay(wait, undefined, { signal: dropped });
    }
  }

  /** Tries what waits, if it is due; otherwise says when it is. */
  private async takeTurn(work: Work, replay: string | undefined, dropped: AbortSignal): Promise<Outcome | Date> {
    dropped.throwIfAborted();
    const { id, lane, reaction } = work;
    const resumed = await this.untilDone('resume a reaction', dropped, () =>
      this.records.resume(id, reaction.definition.name, lane, replay),
    );
    if (resumed.kind === 'claimed') return this.runner.attempt(work, resumed.claim, dropped);
    return resumed.kind === 'finished' ? 'settled' : resumed.at;
  }

  /** Where it cannot be told, as while the database is away, it is everybody's. */
  private async tenantOf(event: StreamEvent): Promise<string> {
    return (await this.settings.tenantOf?.(event).catch(() => undefined)) ?? '';
  }

  private read(message: RawMessage): { stream: EventStream; event: StreamEvent } | undefined | Error {
    const stream = this.streams.get(message.topic);
    if (!stream) return new Error(`nobody reads the topic ${message.topic}`);
    const event = attemptTo(() => stream.decode(message));
    return event instanceof Error || !event ? event : { stream, event };
  }

  private concernedBy(
    stream: EventStream,
    event: StreamEvent,
    message: RawMessage,
    isReplayed: boolean,
  ): BoundReaction[] {
    const standing = this.restores.standingOf(event);
    if (standing === 'undone' && !stream.outlastsRestores) return [];
    const wasNotTold = isReplayed && message.offset !== IN_NO_TOPIC && !this.restores.wasDealtWith(message);
    const mayBeTold = standing === 'counts' || (standing === 'before a restore' && wasNotTold);
    return [...this.reactions.values()].filter(({ definition }) => {
      if (definition.stream !== stream.name || (definition.outward && !mayBeTold)) return false;
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
    await this.outbox.bury({
      id,
      lane,
      reason,
      stack,
      attempts: 1,
      message,
      ...(reaction !== undefined && { reaction }),
    });
    if (waited) {
      await this.untilDone('note a reaction as dead', this.outOfTime.signal, () => this.records.abandon(id, reason));
    }
    this.measured.malformed(message.topic);
  }
}

const MOST_CLAIMED = 512;
const COUNT_GAPS_EVERY_MS = 15_000;
/** A document may say an earlier time than that of its commit, and a record a time by another clock. */
const WRITTEN_WITHIN_MS = 180_000;

/** In a queue of its own is what waits long for something else, such as mail: there each tenant has a quarter of the places at most. */
const fairQueue = (places: number, name: string) =>
  new FairQueue({ places, ...(name !== '' && { perTenant: Math.ceil(places / 4) }) });

/** The client's own messages are for debugging: what matters of them is said by the intake. */
function kafkaClient({ logger, ...servers }: ChangeEventServerSettings, clientId: string): Kafka {
  return new Kafka({
    clientId,
    ...serversOf(servers),
    connectionTimeout: 3_000,
    requestTimeout: 15_000,
    retry: { retries: 3, initialRetryTime: 200, maxRetryTime: 2_000 },
    logLevel: logLevel.WARN,
    logCreator:
      () =>
      ({ namespace, log: { message, error } }) =>
        logger.debug({ kafka: namespace, error: String(error ?? '') }, message),
  });
}

function workOf(reaction: BoundReaction, event: StreamEvent, message: RawMessage, tenant: string): Work {
  const { name } = reaction.definition;
  return { id: reactionId(name, event), lane: laneOf(name, event.key), tenant, reaction, event, message };
}

function attemptTo<T>(task: () => T): T | Error {
  try {
    return task();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
