import type { Kafka, KafkaMessage } from 'kafkajs';
import { randomUUID } from 'node:crypto';
import pRetry from 'p-retry';
import { z } from 'zod';
import { MalformedEvent, parseChangeEvent } from '../envelope.ts';
import { burialKey, type DeadLetter, malformedId, writeDeadLetter } from '../runtime/dead-letter.ts';
import type { RawMessage } from '../runtime/event-stream.ts';
import { describeFailure } from '../runtime/failures.ts';
import { inRequests } from '../runtime/requests.ts';
import type { ConnectClient } from './connect-client.ts';

/** Where a sink stands in a partition, as Connect tells it. */
const position = z.object({
  partition: z.object({ kafka_topic: z.string(), kafka_partition: z.number() }),
  offset: z.object({ kafka_offset: z.number() }),
});

interface Poison {
  readonly message: RawMessage;
  readonly fault: MalformedEvent;
}

const READ_WITHIN_MS = 60_000;

/**
 * Whether a sink failed on a message that is no change event, rather than on a database that is away. Such a message stops the sink for
 * good: each task in turn takes over its partition and fails.
 */
export const isPoisoned = (reason: string) =>
  /DataException|JsonParseException|BsonInvalidOperationException/.test(reason) && !/Mongo\w*Exception/.test(reason);

/**
 * Puts the messages that a stopped-short sink can not work off to the dead letters and sets it to go on behind the last of them.
 * Good messages in between may not have been worked off: the replica has to be checked for drift afterwards.
 * @returns how many were put aside
 * @throws {ConnectUnavailable} and kafkajs errors, when they are away; calling again then is safe
 */
export async function putPoisonAside(
  {
    kafka,
    connect,
    deadLetters,
    beforeSkipping,
  }: {
    readonly kafka: Kafka;
    readonly connect: ConnectClient;
    readonly deadLetters: string;
    readonly beforeSkipping?: () => Promise<void>;
  },
  sink: { readonly name: string; readonly topic: string },
): Promise<number> {
  const committed = await positionsOf(connect, sink.name);
  const poison = await findPoison(kafka, sink.topic, committed);
  if (poison.length === 0) return 0;
  await beforeSkipping?.();
  await bury(kafka, deadLetters, sink.name, poison);
  const behind = new Map<number, number>();
  for (const { message } of poison)
    behind.set(message.partition, Math.max(behind.get(message.partition) ?? 0, Number(message.offset) + 1));
  await connect.stop(sink.name);
  const positions = [...behind].map(([partition, offset]) => ({
    partition: { kafka_topic: sink.topic, kafka_partition: partition },
    offset: { kafka_offset: offset },
  }));
  // Stopping takes a moment; until then Connect refuses to set offsets.
  await pRetry(() => connect.setOffsets(sink.name, positions), { retries: 40, minTimeout: 250, factor: 1 });
  await connect.resume(sink.name);
  return poison.length;
}

async function positionsOf(connect: ConnectClient, name: string): Promise<Map<number, bigint>> {
  const positions = z.array(position).parse(await connect.offsets(name));
  return new Map(positions.map(({ partition, offset }) => [partition.kafka_partition, BigInt(offset.kafka_offset)]));
}

/** Reads what the sink has not worked off yet, up to what there is now. */
async function findPoison(kafka: Kafka, topic: string, committed: ReadonlyMap<number, bigint>): Promise<Poison[]> {
  const open = await openRanges(kafka, topic, committed);
  const poison: Poison[] = [];
  if (open.size === 0) return poison;
  const groupId = `poison-${randomUUID()}`;
  const consumer = kafka.consumer({ groupId });
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      setTimeout(() => reject(new Error(`${topic} could not be read to its end in time`)), READ_WITHIN_MS).unref();
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
      consumer
        .run({
          autoCommit: false,
          eachMessage: async ({ partition, message }) => {
            const range = open.get(partition);
            if (!range) return;
            const offset = BigInt(message.offset);
            const fault = offset >= range.from && offset < range.end ? faultOf(message) : undefined;
            if (fault) poison.push({ message: rawMessage(topic, partition, message), fault });
            if (offset + 1n >= range.end) open.delete(partition);
            if (open.size === 0) resolve();
          },
        })
        .catch(reject);
      for (const [partition, { from }] of open) consumer.seek({ topic, partition, offset: String(from) });
    });
  } finally {
    await consumer.disconnect();
  }
  await forgetGroup(kafka, groupId);
  return poison;
}

async function openRanges(
  kafka: Kafka,
  topic: string,
  committed: ReadonlyMap<number, bigint>,
): Promise<Map<number, { from: bigint; end: bigint }>> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const ranges = (await admin.fetchTopicOffsets(topic)).map(({ partition, low, high }) => {
      const stands = committed.get(partition) ?? 0n;
      return [partition, { from: stands > BigInt(low) ? stands : BigInt(low), end: BigInt(high) }] as const;
    });
    return new Map(ranges.filter(([, { from, end }]) => from < end));
  } finally {
    await admin.disconnect();
  }
}

async function forgetGroup(kafka: Kafka, groupId: string): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  await admin.deleteGroups([groupId]).catch(() => undefined); // it holds no offsets, and expires by itself
  await admin.disconnect();
}

function faultOf(message: KafkaMessage): MalformedEvent | undefined {
  try {
    parseChangeEvent(message.value);
    return undefined;
  } catch (error) {
    if (error instanceof MalformedEvent) return error;
    throw error;
  }
}

async function bury(kafka: Kafka, deadLetters: string, lane: string, poison: readonly Poison[]): Promise<void> {
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  try {
    const letters = poison.map(({ message, fault }): DeadLetter => {
      return { id: malformedId(message), lane, ...describeFailure(fault), attempts: 1, time: new Date(), message };
    });
    const messages = letters.map((letter) => ({ message: { key: burialKey(letter), value: writeDeadLetter(letter) } }));
    for (const request of inRequests(messages)) {
      await producer.send({ topic: deadLetters, messages: request.map(({ message }) => message) });
    }
  } finally {
    await producer.disconnect();
  }
}

function rawMessage(topic: string, partition: number, { offset, key, value, timestamp }: KafkaMessage): RawMessage {
  return { topic, partition, offset: BigInt(offset), key, value, headers: {}, time: new Date(Number(timestamp)) };
}
