import { Kafka, logLevel } from 'kafkajs';
import { setTimeout as pause } from 'node:timers/promises';

export interface PaceResult {
  readonly events: number;
  readonly perSecond: number;
}

const LONGEST_WAIT_MS = 240_000; // on a machine that has much else to do

/** The sum of a counter's samples whose labels are these, as an app's /metrics tells it. */
export async function counted(url: string, name: string, labels: Readonly<Record<string, string>>): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const samples = text.split('\n').filter((line) => line.startsWith(`${name}{`));
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return samples
    .filter((line) => wanted.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** How fast a counter grows from its first growth until it has grown by `events`. */
export async function pace(read: () => Promise<number>, events: number): Promise<PaceResult> {
  const giveUp = performance.now() + LONGEST_WAIT_MS;
  let first: { readonly time: number; readonly count: number } | undefined;
  for (;;) {
    const count = await read().catch(() => 0); // the worker is starting
    const time = performance.now();
    if (first && count >= events) return { events, perSecond: ((count - first.count) * 1_000) / (time - first.time) };
    if (count > 0) first ??= { time, count };
    if (time > giveUp)
      throw new Error(`the worker has dealt with ${count} of ${events} events after ${LONGEST_WAIT_MS / 1_000} s`);
    await pause(first ? 50 : 10);
  }
}

export const kafkaOf = (brokers: string) =>
  new Kafka({ clientId: 'bench', brokers: brokers.split(','), logLevel: logLevel.NOTHING });

/** How many messages a topic holds. */
export async function lengthOf(kafka: Kafka, topic: string): Promise<number> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    return (await admin.fetchTopicOffsets(topic)).reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0);
  } finally {
    await admin.disconnect();
  }
}

/** What a bare consumer reads of the same topic, doing nothing with it: the most that any worker on this client can do. */
export async function bareConsumer(kafka: Kafka, topic: string, events: number): Promise<PaceResult> {
  const consumer = kafka.consumer({ groupId: `bench-${process.pid}-${Date.now()}`, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  let count = 0;
  let begin = 0;
  const done = new Promise<void>((resolve) => {
    void consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        begin ||= performance.now();
        for (const { value } of batch.messages) if (value) JSON.parse(value.toString());
        count += batch.messages.length;
        if (count >= events) resolve();
      },
    });
  });
  await done;
  const perSecond = (count * 1_000) / (performance.now() - begin);
  await consumer.disconnect();
  return { events: count, perSecond };
}

const LOOKED_AT = 1_000;

/** Key and value of messages of a topic, by the first thousand or so. */
export async function bytesPerMessage(kafka: Kafka, topic: string): Promise<number> {
  const consumer = kafka.consumer({ groupId: `bench-bytes-${process.pid}-${Date.now()}`, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  let [count, bytes] = [0, 0];
  await new Promise<void>((resolve) => {
    void consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        for (const { key, value } of batch.messages) bytes += (key?.length ?? 0) + (value?.length ?? 0);
        count += batch.messages.length;
        if (count >= LOOKED_AT) resolve();
      },
    });
  });
  await consumer.disconnect();
  return bytes / count;
}
