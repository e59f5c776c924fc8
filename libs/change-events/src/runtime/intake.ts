import { setTimeout as delay } from 'node:timers/promises';
import { type Logger, withAdvice } from '@caregate/service';
import type { Batch, Consumer, Kafka } from 'kafkajs';
import { adviceOnKafka } from './kafka-advice.ts';
import { OpenOffsets } from './open-offsets.ts';
import type { RawMessage } from './event-stream.ts';
import type { Partition, PartitionPlaces, Place } from './partition-places.ts';
import type { ReadPosition } from './read-positions.ts';

export interface IntakeSettings {
  readonly kafka: Kafka;
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly logger: Logger;
  /** Runs before each (re)start, when the broker answers: creates topics. */
  readonly prepare: () => Promise<void>;
  /**
   * Takes a message. Undefined: there is nothing to do. Otherwise resolves when it is dealt with, which may be much later;
   * rejects only when `dropped` was aborted before its work began, and then the message is read again by whoever reads the partition next.
   */
  readonly receive: (message: RawMessage, dropped: AbortSignal) => Promise<void> | undefined;
  /**
   * Keeps messages that were read and are not finished when their topic is gone, so that they are read again from elsewhere.
   * What of them has begun goes on.
   */
  readonly keep?: (messages: readonly RawMessage[]) => Promise<void>;
  /** Tells whether offsets still mean what they meant; unless given, they do. */
  readonly places?: PartitionPlaces;
  readonly sessionTimeout?: number;
}

/** A partition with more open messages or bytes than this is not read further until half of them are finished. */
const MOST_OPEN = 10_000;
const MOST_OPEN_BYTES = 8 * 1024 * 1024;
const COMMIT_EVERY_MS = 500;
/** How far partitions were read is written to the database at most this often: after a crash it only says what is missing. */
const SAVE_EVERY_MS = 10_000;
const HEARTBEAT_MS = 2_000;
const SILENCE_MS = 4 * HEARTBEAT_MS;

interface Assigned {
  readonly topic: string;
  readonly partition: number;
  readonly offsets: OpenOffsets;
  readonly dropped: AbortController;
  /** What is begun and not finished, by its offset. */
  readonly open: Map<bigint, RawMessage>;
  openBytes: number;
  paused: boolean;
  committed?: bigint;
  saved?: bigint;
  end?: bigint;
  /** When the newest message that came was written. */
  time: Date;
  /** Of which topic the offsets are, once that is known. */
  topicId?: string;
  /** Where reading was when messages were missing. */
  jumpedFrom?: bigint;
}

/**
 * Reads topics as one member of a consumer group, never waiting for a message: order, retries and slow work are the receiver's business.
 * It notes what is finished, commits up to the first that is not, and pauses a partition that has too many open.
 */
export class Intake {
  private readonly settings: IntakeSettings;
  private readonly assigned = new Map<string, Assigned>();
  /** What the group has given to this member. */
  private own: readonly Partition[] = [];
  /** Of these it is known which topic they are of. */
  private readonly placed = new Map<string, Place>();
  /** The topics that there were before the first message was read: whatever came is of these, or of later ones. */
  private idsAtStart: ReadonlyMap<string, string> = new Map();
  private savedTime = 0;
  /** Ends the life of the consumer that reads, so that the next one begins where the group has been put. */
  private beginAgain: () => void = () => {};
  private readonly stopping = new AbortController();
  private readonly working = new Set<Promise<void>>();
  private consumer: Consumer | undefined;
  private lastContact = 0;
  /** What is to be done about the last failure, as far as that is known. */
  private advice: string | undefined;
  private life: Promise<void> | undefined;
  private commits: Promise<void> = Promise.resolve();

  constructor(settings: IntakeSettings) {
    this.settings = settings;
  }

  /** Begins to read, in the background, and keeps trying for as long as it takes. */
  start(): void {
    this.life = this.live();
  }

  /** @throws {Error} while Kafka does not answer or the group has not let this member in */
  assertReading(): void {
    if (this.lastContact === 0) throw new Error(`not connected yet${withAdvice(this.advice)}`);
    if (Date.now() - this.lastContact > SILENCE_MS) throw new Error('does not answer');
  }

  /** Messages that are not finished, by partition, as far as the last fetch saw the end of the topic. */
  lags(): { topic: string; partition: number; lag: number }[] {
    return [...this.assigned.values()].flatMap(({ topic, partition, offsets, end }) => {
      const position = offsets.committable;
      return end === undefined || position === undefined
        ? []
        : [{ topic, partition, lag: Number(end > position ? end - position : 0n) }];
    });
  }

  /** Reads no more, drops what has not begun, waits for what has, commits, and leaves the group. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.life;
    for (const { dropped } of this.assigned.values()) dropped.abort(); // where Kafka was away, nobody has told them yet
    while (this.working.size > 0) await Promise.allSettled(this.working);
    await this.settings.places?.close();
  }

  private async live(): Promise<void> {
    let quiet = false;
    while (!this.stopping.signal.aborted) {
      try {
        await this.settings.prepare();
        await this.read(() => {
          if (quiet) this.settings.logger.info('reading from Kafka again');
          quiet = false;
        });
      } catch (error) {
        const advice = adviceOnKafka(error);
        if (!quiet || advice !== this.advice)
          this.settings.logger.warn({ err: error }, `cannot read from Kafka yet${withAdvice(advice)}; trying on`);
        this.advice = advice;
        quiet = true;
      }
      this.lastContact = 0;
      await delay(1_000, undefined, { signal: this.stopping.signal }).catch(() => {});
    }
  }

  /** One life of a consumer: from joining the group until it fails or is told to stop. */
  private async read(joined: () => void): Promise<void> {
    const consumer = this.settings.kafka.consumer({
      groupId: this.settings.groupId,
      sessionTimeout: this.settings.sessionTimeout ?? 10_000,
      rebalanceTimeout: 10_000,
      heartbeatInterval: HEARTBEAT_MS,
      maxWaitTimeInMs: 500,
      metadataMaxAge: 30_000,
      allowAutoTopicCreation: false,
      // A fresh consumer replaces one that failed: kafkajs itself would not restart after each kind of failure.
      // The group waits for the old member's session to expire, so that time bounds how long after a broker's return reading goes on.
      retry: { retries: 8, initialRetryTime: 300, maxRetryTime: 2_000, restartOnFailure: async () => false },
    });
    for (const assigned of this.assigned.values()) assigned.paused = false; // a new consumer begins with nothing paused
    const again = new Promise<'again'>((resolve) => (this.beginAgain = () => resolve('again')));
    const failed = new Promise<Error>((resolve) =>
      consumer.on(consumer.events.CRASH, ({ payload }) => resolve(payload.error)),
    );
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      this.keepOnly(payload.memberAssignment);
      this.touch();
      joined();
    });
    consumer.on(consumer.events.HEARTBEAT, () => this.touch());
    const committing = setInterval(() => void this.commit(), COMMIT_EVERY_MS);
    try {
      const stopped = aborted(this.stopping.signal);
      await Promise.race([consumer.connect(), stopped]);
      if (this.stopping.signal.aborted) return;
      this.idsAtStart = (await this.settings.places?.ids(this.settings.topics)) ?? new Map();
      await consumer.subscribe({ topics: [...this.settings.topics], fromBeginning: true });
      await consumer.run({
        autoCommit: false,
        partitionsConsumedConcurrently: 8,
        eachBatch: async ({ batch }) => this.take(batch),
      });
      this.consumer = consumer; // before, it can neither pause nor commit
      const end = await Promise.race([failed, stopped, again]);
      if (end === 'again') return;
      if (end) throw end;
      await this.settle();
    } finally {
      clearInterval(committing);
      this.consumer = undefined;
      await consumer.disconnect().catch(() => {});
    }
  }

  private touch(): void {
    this.lastContact = Date.now();
  }

  /** After a rebalance: what is no longer ours is dropped, and what stays ours goes on where it is. */
  private keepOnly(assignment: Record<string, number[]>): void {
    this.own = Object.entries(assignment).flatMap(([topic, partitions]) =>
      partitions.map((partition) => ({ topic, partition })),
    );
    this.placed.clear(); // another member may have found another topic meanwhile
    for (const [name, partition] of this.assigned) {
      if (assignment[partition.topic]?.includes(partition.partition)) continue;
      partition.dropped.abort();
      // The client remembers pauses over rebalances; should the partition come back, it is to be read.
      if (partition.paused) this.consumer?.resume([{ topic: partition.topic, partitions: [partition.partition] }]);
      this.assigned.delete(name);
    }
  }

  private take(batch: Batch): void {
    if (this.stopping.signal.aborted) return;
    const assigned = this.partition(batch.topic, batch.partition);
    assigned.end = BigInt(batch.highWatermark);
    this.lookAgainAfterJump(assigned, batch);
    for (const { offset, key, value, headers, timestamp } of batch.messages) {
      if (!assigned.offsets.begin(BigInt(offset))) continue;
      const message: RawMessage = {
        topic: batch.topic,
        partition: batch.partition,
        offset: BigInt(offset),
        key,
        value,
        headers: textHeaders(headers),
        time: new Date(Number(timestamp)),
      };
      if (message.time > assigned.time) assigned.time = message.time;
      this.work(assigned, message);
    }
    assigned.offsets.skipTo(BigInt(batch.lastOffset()) + 1n);
    this.pauseOrResume(assigned);
  }

  private work(assigned: Assigned, message: RawMessage): void {
    const dealtWith = this.settings.receive(message, assigned.dropped.signal);
    if (!dealtWith) return assigned.offsets.finish(message.offset);
    const bytes = message.value?.length ?? 0;
    assigned.openBytes += bytes;
    assigned.open.set(message.offset, message);
    const finish = () => {
      assigned.openBytes -= bytes;
      assigned.open.delete(message.offset);
      assigned.offsets.finish(message.offset);
      this.pauseOrResume(assigned);
    };
    const again = async (error: unknown) => {
      if (assigned.dropped.signal.aborted) return; // not begun, or not finished: it stays uncommitted and is read again
      const { topic, partition, offset } = message;
      this.settings.logger.error(
        { err: error, topic, partition, offset: String(offset) },
        'a message could not be dealt with; trying again',
      );
      await delay(5_000, undefined, { signal: assigned.dropped.signal }).catch(() => {});
      assigned.openBytes -= bytes;
      if (!assigned.dropped.signal.aborted) this.work(assigned, message);
    };
    const working = dealtWith.then(finish, again).finally(() => this.working.delete(working));
    this.working.add(working);
  }

  private partition(topic: string, partition: number): Assigned {
    const name = `${topic}/${partition}`;
    let assigned = this.assigned.get(name);
    if (!assigned) {
      const topicId = this.placed.get(name)?.topicId ?? this.idsAtStart.get(topic);
      assigned = {
        topic,
        partition,
        offsets: new OpenOffsets(),
        dropped: new AbortController(),
        open: new Map(),
        openBytes: 0,
        paused: false,
        time: new Date(0),
        ...(topicId !== undefined && { topicId }),
      };
      this.assigned.set(name, assigned);
    }
    return assigned;
  }

  private pauseOrResume(assigned: Assigned): void {
    const { topic, partition, offsets, openBytes, paused } = assigned;
    if (this.assigned.get(`${topic}/${partition}`) !== assigned) return; // of a topic that is gone, or of another member
    const where = [{ topic, partitions: [partition] }];
    if (!paused && (offsets.size > MOST_OPEN || openBytes > MOST_OPEN_BYTES)) {
      assigned.paused = this.tell((consumer) => consumer.pause(where));
    } else if (paused && offsets.size < MOST_OPEN / 2 && openBytes < MOST_OPEN_BYTES / 2) {
      assigned.paused = !this.tell((consumer) => consumer.resume(where));
    }
  }

  /** False where no consumer is running to be told: the next one begins with nothing paused, and is told when something has too many open. */
  private tell(order: (consumer: Consumer) => void): boolean {
    if (!this.consumer) return false;
    try {
      order(this.consumer);
      return true;
    } catch {
      return false; // it has crashed a moment ago
    }
  }

  /** Drops what has not begun, waits for what has, and commits. */
  private async settle(): Promise<void> {
    for (const { topic, partition, dropped } of this.assigned.values()) {
      this.consumer?.pause([{ topic, partitions: [partition] }]);
      dropped.abort();
    }
    while (this.working.size > 0) await Promise.allSettled(this.working);
    await this.commit();
    await this.save(true).catch(() => {}); // what was saved last still tells from when on something may be missing
  }

  /** Commits what is finished; one commit at a time, so that an older one never overtakes a newer. */
  private commit(): Promise<void> {
    this.commits = this.commits.then(async () => {
      const { consumer } = this;
      if (!consumer) return;
      try {
        if (!(await this.offsetsHold(consumer))) return;
        const moved = this.moved();
        if (moved.length === 0) return;
        await consumer.commitOffsets(
          moved.map(({ assigned: { topic, partition }, position }) => ({ topic, partition, offset: String(position) })),
        );
        for (const { assigned, position } of moved) assigned.committed = position;
        await this.save();
      } catch {
        // The group is rebalancing, or the broker or the database away; the next commit says it again.
      }
    });
    return this.commits;
  }

  private moved(): { assigned: Assigned; position: bigint }[] {
    return [...this.assigned].flatMap(([name, assigned]) => {
      const position = assigned.offsets.committable;
      const isKnown = this.settings.places === undefined || this.placed.has(name);
      return !isKnown || position === undefined || position === assigned.committed ? [] : [{ assigned, position }];
    });
  }

  /** Where a partition's first new message is not the next, or the topic ends before it, the topic may have lost some, or be another. */
  private lookAgainAfterJump(assigned: Assigned, batch: Batch): void {
    const { topic, partition, offsets } = assigned;
    const { position } = offsets;
    const [first] = batch.messages;
    if (position === undefined) return;
    if (BigInt(batch.highWatermark) >= position && (!first || BigInt(first.offset) <= position)) return;
    assigned.jumpedFrom ??= position;
    this.placed.delete(`${topic}/${partition}`);
  }

  /**
   * False while it is not known whether the offsets of this member are of the topics that there are now. Those of a topic that was made anew are
   * put back to its beginning; then the consumer begins again, and what was read of the former topic is kept elsewhere.
   */
  private async offsetsHold(consumer: Consumer): Promise<boolean> {
    const { places, logger } = this.settings;
    if (!places || this.own.length === 0) return true;
    const ids = await places.ids([...new Set(this.own.map(({ topic }) => topic))]);
    for (const [name, { topic, topicId }] of this.placed) if (ids.get(topic) !== topicId) this.placed.delete(name);
    // What is of no topic now is not committed, and looked at again when there is one.
    const unknown = this.own.filter(
      ({ topic, partition }) => ids.has(topic) && !this.placed.has(`${topic}/${partition}`),
    );
    if (unknown.length === 0) return true;
    await places.save(this.positions(unknown)); // with the id that was known before
    const found = await places.find(unknown, ids, this.reading());
    const gaps = found.flatMap(({ gap }) => (gap ? [gap] : []));
    await places.noteGaps(gaps);
    for (const { topic, partition, cause, messages, since } of gaps)
      logger.error(
        { topic, partition, cause, messages, since: since.toISOString() },
        'events are gone from Kafka that nobody has read: have what is due of them done with npx caregate events repair',
      );
    const anew = found.flatMap(({ from, ...place }) => (from === undefined ? [] : [{ ...place, from }]));
    if (anew.length > 0) await this.beginAnew(consumer, places, anew);
    for (const place of found) {
      const name = `${place.topic}/${place.partition}`;
      this.placed.set(name, place);
      const assigned = this.assigned.get(name);
      if (!assigned) continue;
      assigned.topicId = place.topicId;
      delete assigned.jumpedFrom;
    }
    return anew.length === 0;
  }

  private reading(): Map<string, bigint> {
    return new Map(
      [...this.assigned].flatMap(([name, { offsets, jumpedFrom = offsets.position }]) =>
        jumpedFrom === undefined ? [] : [[name, jumpedFrom] as const],
      ),
    );
  }

  private async beginAnew(
    consumer: Consumer,
    places: PartitionPlaces,
    anew: readonly (Place & { readonly from: bigint })[],
  ): Promise<void> {
    const former = anew.flatMap(({ topic, partition }) => this.assigned.get(`${topic}/${partition}`) ?? []);
    await this.settings.keep?.(former.flatMap(({ open }) => [...open.values()]));
    await consumer.commitOffsets(
      anew.map(({ topic, partition, from }) => ({ topic, partition, offset: String(from) })),
    );
    await places.save(anew.map(({ from, ...place }) => ({ ...place, offset: from, time: new Date() })));
    for (const assigned of former) {
      this.assigned.delete(`${assigned.topic}/${assigned.partition}`);
      assigned.dropped.abort();
    }
    this.beginAgain();
  }

  private async save(now = false): Promise<void> {
    const { places } = this.settings;
    if (!places || (!now && Date.now() - this.savedTime < SAVE_EVERY_MS)) return;
    const moved = [...this.assigned.values()].filter(({ committed, saved }) => committed !== saved);
    await places.save(this.positions(moved));
    for (const assigned of moved) if (assigned.committed !== undefined) assigned.saved = assigned.committed;
    this.savedTime = Date.now();
  }

  /** How far partitions were read, of those of which something was. */
  private positions(partitions: readonly Partition[]): ReadPosition[] {
    return partitions.flatMap(({ topic, partition }) => {
      const assigned = this.assigned.get(`${topic}/${partition}`);
      const offset = assigned?.offsets.committable;
      if (assigned?.topicId === undefined || offset === undefined) return [];
      return [{ topic, partition, offset, time: assigned.time, topicId: assigned.topicId }];
    });
  }
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}

function textHeaders(headers: Batch['messages'][number]['headers'] = {}): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => {
      const first = Array.isArray(value) ? value[0] : value;
      return first === undefined ? [] : [[name, first.toString()]];
    }),
  );
}
