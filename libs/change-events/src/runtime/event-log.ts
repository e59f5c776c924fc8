import { randomUUID } from 'node:crypto';
import { Kafka, logLevel, type Message, type Producer } from 'kafkajs';
import { type KafkaAddress, serversOf } from '../kafka-address.ts';
import { topicsOf } from '../topics.ts';
import type { RawMessage } from './event-stream.ts';
import { inRequests } from './requests.ts';
import { toRetryMessage } from './waiting-message.ts';

export interface EventLogSettings extends KafkaAddress {
  readonly topicPrefix: string;
}

/** The topics whose events the worker reacts to. */
export const eventTopics = (topicPrefix: string): string[] => {
  const { clinics, clinicians, patients, migrations, patientInvites, patientArchives, signUps } = topicsOf(topicPrefix);
  return [clinics, clinicians, patients, migrations, patientInvites, patientArchives, signUps];
};

const AT_ONCE = 5_000;

/** The events of a shard as they lie in Kafka, for operators: to look at, and to give to the worker once more. */
export class EventLog {
  private readonly kafka: Kafka;
  private readonly prefix: string;

  constructor({ topicPrefix, ...servers }: EventLogSettings) {
    this.prefix = topicPrefix;
    this.kafka = new Kafka({
      clientId: `${topicPrefix}.event-log`,
      ...serversOf(servers),
      logLevel: logLevel.NOTHING,
      connectionTimeout: 3_000,
      retry: { retries: 3, initialRetryTime: 200, maxRetryTime: 1_000 },
    });
  }

  /**
   * Reads topics from a time on; without one from now. With `follow` until `stop` is aborted, otherwise to the end that they have now.
   * @throws kafkajs errors while Kafka is away
   */
  async read(
    topics: readonly string[],
    options: { readonly from?: Date; readonly follow?: boolean; readonly stop?: AbortSignal },
    take: (message: RawMessage) => void,
  ): Promise<void> {
    const groupId = `${this.prefix}.event-log.${randomUUID()}`;
    const admin = this.kafka.admin();
    await admin.connect();
    try {
      const ranges = await this.ranges(admin, topics, options.from);
      if (ranges.size > 0 || options.follow) await this.consume(groupId, topics, ranges, options, take);
    } finally {
      await admin.deleteGroups([groupId]).catch(() => {}); // it may never have been made
      await admin.disconnect();
    }
  }

  /**
   * Gives messages to all reactions once more. A reaction that has happened does not happen again; what one missed, because it did not exist then,
   * it makes up for. Gives how many they were.
   */
  async give(messages: Iterable<RawMessage> | AsyncIterable<RawMessage>): Promise<number> {
    const producer = this.kafka.producer({ allowAutoTopicCreation: false });
    await producer.connect();
    try {
      let given = 0;
      let some: Message[] = [];
      for await (const message of messages) {
        const { topic, partition, offset, key } = message;
        const lane = `replay|${topic}|${key?.toString() ?? ''}`; // keeps a document's events in their order
        some.push(toRetryMessage(message, { id: `replay:${topic}:${partition}:${offset}`, lane }));
        given++;
        if (some.length < AT_ONCE) continue;
        await this.write(producer, some);
        some = [];
      }
      await this.write(producer, some);
      return given;
    } finally {
      await producer.disconnect();
    }
  }

  private async write(producer: Producer, messages: readonly Message[]): Promise<void> {
    const topic = topicsOf(this.prefix).retry;
    for (const request of inRequests(messages.map((message) => ({ message }))))
      await producer.send({ topic, acks: -1, messages: request.map(({ message }) => message) });
  }

  /** Where to begin and to end, for partitions that hold something. */
  private async ranges(
    admin: ReturnType<Kafka['admin']>,
    topics: readonly string[],
    from?: Date,
  ): Promise<Map<string, Range>> {
    const ranges = new Map<string, Range>();
    for (const topic of topics) {
      const ends = await admin.fetchTopicOffsets(topic);
      const starts = from && (await admin.fetchTopicOffsetsByTimestamp(topic, from.getTime()));
      for (const { partition, high } of ends) {
        const start = starts?.find((each) => each.partition === partition)?.offset ?? high;
        if (BigInt(start) < BigInt(high)) ranges.set(`${topic}/${partition}`, { start, end: BigInt(high) });
      }
    }
    return ranges;
  }

  private async consume(
    groupId: string,
    topics: readonly string[],
    ranges: Map<string, Range>,
    { from, follow = false, stop }: { readonly from?: Date; readonly follow?: boolean; readonly stop?: AbortSignal },
    take: (message: RawMessage) => void,
  ): Promise<void> {
    const consumer = this.kafka.consumer({ groupId, maxWaitTimeInMs: 200, allowAutoTopicCreation: false });
    const left = new Set(ranges.keys());
    const next = new Map<string, bigint>(); // what came before the seek took effect comes again
    await consumer.connect();
    try {
      await consumer.subscribe({ topics: [...topics], fromBeginning: from !== undefined });
      await new Promise<void>((resolve, reject) => {
        stop?.addEventListener('abort', () => resolve(), { once: true });
        consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
        consumer
          .run({
            autoCommit: false,
            eachBatch: async ({ batch }) => {
              const place = `${batch.topic}/${batch.partition}`;
              const range = ranges.get(place);
              for (const message of batch.messages) {
                const offset = BigInt(message.offset);
                const wanted = range ? offset >= BigInt(range.start) && (follow || offset < range.end) : follow;
                if (!wanted || offset < (next.get(place) ?? 0n)) continue;
                next.set(place, offset + 1n);
                take({ ...rawOf(message), topic: batch.topic, partition: batch.partition, offset });
              }
              if (range && BigInt(batch.lastOffset()) + 1n >= range.end) left.delete(place);
              if (!follow && left.size === 0) resolve();
            },
          })
          .then(() => {
            for (const [place, { start }] of ranges) {
              const at = place.lastIndexOf('/');
              consumer.seek({ topic: place.slice(0, at), partition: Number(place.slice(at + 1)), offset: start });
            }
          })
          .catch(reject);
      });
    } finally {
      await consumer.disconnect();
    }
  }
}

interface Range {
  readonly start: string;
  readonly end: bigint;
}

function rawOf({
  key,
  value,
  headers = {},
  timestamp,
}: {
  key: Buffer | null;
  value: Buffer | null;
  headers?: object;
  timestamp: string;
}) {
  const texts = Object.entries(headers).map(([name, header]) => [
    name,
    String(Array.isArray(header) ? header[0] : header),
  ]);
  return { key, value, headers: Object.fromEntries(texts), time: new Date(Number(timestamp)) };
}
