import { randomUUID } from 'node:crypto';
import { type EachBatchPayload, Kafka, logLevel, type Message } from 'kafkajs';
import pRetry from 'p-retry';
import { type KafkaAddress, serversOf } from '../kafka-address.ts';
import { topicsOf } from '../topics.ts';
import { type DeadLetter, deadLetterOf } from './dead-letter.ts';
import type { RawMessage } from './event-stream.ts';
import { inRequests } from './requests.ts';
import { toRetryMessage } from './waiting-message.ts';

export type { DeadLetter } from './dead-letter.ts';

export interface DeadLettersSettings extends KafkaAddress {
  readonly topicPrefix: string;
}

/** There is no dead letter with this id (any more). */
export class NoSuchDeadLetter extends Error {
  override readonly name = 'NoSuchDeadLetter';
}

/** What lies in the dead-letter topic under this id is no dead letter: nobody could react to it. */
export class NothingToReplay extends Error {
  override readonly name = 'NothingToReplay';
}

/**
 * The dead letters of a shard, for operators. They lie in a topic, keyed by burial; of an event that was buried twice the newest counts.
 * One that was replayed or dropped is followed by an empty message with its key.
 * Each method connects, does its work and disconnects; all of them throw kafkajs errors while Kafka is away.
 */
export class DeadLetters {
  private readonly kafka: Kafka;
  private readonly topics: ReturnType<typeof topicsOf>;
  private readonly prefix: string;

  constructor({ topicPrefix, ...servers }: DeadLettersSettings) {
    this.prefix = topicPrefix;
    this.topics = topicsOf(topicPrefix);
    this.kafka = new Kafka({
      clientId: `${topicPrefix}.dead-letters`,
      ...serversOf(servers),
      logLevel: logLevel.NOTHING,
      connectionTimeout: 3_000,
      retry: { retries: 3, initialRetryTime: 200, maxRetryTime: 1_000 },
    });
  }

  /** All dead letters, oldest first. */
  async list(): Promise<DeadLetter[]> {
    const newest = new Map<string, DeadLetter>();
    for (const letter of (await this.burials()).values()) {
      newest.delete(letter.id);
      newest.set(letter.id, letter);
    }
    return [...newest.values()];
  }

  /** @throws {NoSuchDeadLetter} */
  async show(id: string): Promise<DeadLetter> {
    const letter = (await this.list()).find((each) => each.id === id);
    if (!letter) throw new NoSuchDeadLetter(`there is no dead letter ${id}`);
    return letter;
  }

  /**
   * Gives events back to their reactions, as new, and takes them out of the dead letters. An event whose reaction has succeeded meanwhile
   * is not given to it again; one that fails again comes back here.
   * @throws {NoSuchDeadLetter} before anything is replayed
   * @throws {NothingToReplay} before anything is replayed, for what is unreadable
   */
  async replay(ids: readonly string[]): Promise<DeadLetter[]> {
    const { letters, keys } = await this.chosen(ids);
    const unreadable = letters.find((letter) => letter.unreadable);
    if (unreadable) throw new NothingToReplay(`${unreadable.id} is no dead letter, so it can only be dropped`);
    const messages = letters.map(({ message, id, lane, reaction }) =>
      toRetryMessage(message, { id, lane, replay: randomUUID(), ...(reaction !== undefined && { reaction }) }),
    );
    await this.write(this.topics.retry, messages);
    await this.takeAway(keys);
    return letters;
  }

  /** Takes events out of the dead letters for good. @throws {NoSuchDeadLetter} before anything is dropped */
  async drop(ids: readonly string[]): Promise<DeadLetter[]> {
    const { letters, keys } = await this.chosen(ids);
    await this.takeAway(keys);
    return letters;
  }

  private async chosen(ids: readonly string[]): Promise<{ letters: DeadLetter[]; keys: string[] }> {
    const burials = [...(await this.burials())];
    const newest = new Map(burials.map(([, letter]) => [letter.id, letter]));
    const letters = ids.map((id) => {
      const letter = newest.get(id);
      if (!letter) throw new NoSuchDeadLetter(`there is no dead letter ${id}`);
      return letter;
    });
    const wanted = new Set(ids);
    return { letters, keys: burials.filter(([, { id }]) => wanted.has(id)).map(([key]) => key) };
  }

  /** Everything that was buried and not taken away, oldest first. */
  private async burials(): Promise<Map<string, DeadLetter>> {
    const burials = new Map<string, DeadLetter>();
    await this.readAll((record) => {
      const key = (record.key ?? Buffer.of()).toString(KEY_AS_TEXT);
      const { value } = record;
      if (value === null) burials.delete(key);
      else burials.set(key, deadLetterOf({ ...record, value }));
    });
    return burials;
  }

  private takeAway(keys: readonly string[]): Promise<void> {
    return this.write(
      this.topics.deadLetters,
      keys.map((key) => ({ key: Buffer.from(key, KEY_AS_TEXT), value: null })),
    );
  }

  private async write(topic: string, messages: Message[]): Promise<void> {
    const producer = this.kafka.producer({ allowAutoTopicCreation: false });
    await producer.connect();
    try {
      for (const request of inRequests(messages.map((message) => ({ message })))) {
        await producer.send({ topic, acks: -1, messages: request.map(({ message }) => message) });
      }
    } finally {
      await producer.disconnect();
    }
  }

  /** Reads the topic from its beginning to the end that it has now, with a consumer group that lasts as long. */
  private async readAll(take: (record: RawMessage) => void): Promise<void> {
    const admin = this.kafka.admin();
    await admin.connect();
    const topic = this.topics.deadLetters;
    const groupId = `${this.prefix}.dead-letters.${randomUUID()}`;
    try {
      if (!(await admin.listTopics()).includes(topic)) return;
      const ends = new Map<number, bigint>();
      for (const { partition, low, high } of await onceLed(() => admin.fetchTopicOffsets(topic))) {
        if (BigInt(high) > BigInt(low)) ends.set(partition, BigInt(high));
      }
      if (ends.size > 0) await this.readTo(topic, groupId, ends, take);
    } finally {
      await admin.deleteGroups([groupId]).catch(() => {}); // it may never have been made
      await admin.disconnect();
    }
  }

  private async readTo(
    topic: string,
    groupId: string,
    ends: Map<number, bigint>,
    take: (record: RawMessage) => void,
  ): Promise<void> {
    const consumer = this.kafka.consumer({ groupId, maxWaitTimeInMs: 100, allowAutoTopicCreation: false });
    await consumer.connect();
    try {
      await consumer.subscribe({ topic, fromBeginning: true });
      await new Promise<void>((resolve, reject) => {
        consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
        const eachBatch = async ({ batch }: EachBatchPayload) => {
          const { partition } = batch;
          for (const { key, value, offset, timestamp } of batch.messages)
            take({
              topic,
              partition,
              offset: BigInt(offset),
              key,
              value,
              headers: {},
              time: new Date(Number(timestamp)),
            });
          if (BigInt(batch.lastOffset()) + 1n >= (ends.get(batch.partition) ?? 0n)) ends.delete(batch.partition);
          if (ends.size === 0) resolve();
        };
        consumer.run({ autoCommit: false, eachBatch }).catch(reject);
      });
    } finally {
      await consumer.disconnect();
    }
  }
}

/** Each byte as one character, so that a key that is no text can be written again as it was. */
const KEY_AS_TEXT = 'latin1';

/** A topic that was just created has no leader for a moment. */
const onceLed = <T>(ask: () => Promise<T>): Promise<T> =>
  pRetry(ask, {
    retries: 10,
    minTimeout: 100,
    factor: 1,
    shouldRetry: ({ error }) => 'retriable' in error && error.retriable === true,
  });
