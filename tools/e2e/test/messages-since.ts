import { randomUUID } from 'node:crypto';
import { eventually } from '@caregate/demo';
import type { Kafka } from 'kafkajs';

/** Topics that are asked for at once: on servers that several tests use there are hundreds. */
const AT_ONCE = 20;

/** Every message of every topic (but those of Kafka's own), or of those that are asked for. */
export async function messagesSince(
  kafka: Kafka,
  time: number,
  wanted: (topic: string) => boolean = () => true,
): Promise<{ topic: string; text: string }[]> {
  const admin = kafka.admin();
  await admin.connect();
  const left = new Map<string, { first: bigint; end: bigint }>();
  const names = (await admin.listTopics()).filter((name) => !name.startsWith('__') && wanted(name));
  const look = async (topic: string) => {
    const ends = await admin.fetchTopicOffsets(topic).catch(() => []); // another test has removed it
    if (ends.every(({ high, low }) => high === low)) return;
    const starts = await admin.fetchTopicOffsetsByTimestamp(topic, time).catch(() => []);
    for (const { partition, high } of ends) {
      const first = BigInt(starts.find((each) => each.partition === partition)?.offset ?? high);
      if (first >= 0n && first < BigInt(high)) left.set(`${topic}/${partition}`, { first, end: BigInt(high) });
    }
  };
  for (let n = 0; n < names.length; n += AT_ONCE) await Promise.all(names.slice(n, n + AT_ONCE).map(look));
  const topics = [...new Set([...left.keys()].map((place) => place.slice(0, place.lastIndexOf('/'))))];
  const groupId = `search-${randomUUID()}`;
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 200, allowAutoTopicCreation: false });
  const found: { topic: string; text: string }[] = [];
  await consumer.connect();
  await consumer.subscribe({ topics, fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ topic, partition, message }) => {
      const place = left.get(`${topic}/${partition}`);
      if (!place || BigInt(message.offset) < place.first) return;
      const headers = JSON.stringify(
        Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]),
      );
      found.push({ topic, text: `${message.key?.toString()} ${message.value?.toString()} ${headers}` });
      if (BigInt(message.offset) + 1n >= place.end) left.delete(`${topic}/${partition}`);
    },
  });
  for (const [place, { first }] of left) {
    const at = place.lastIndexOf('/');
    consumer.seek({ topic: place.slice(0, at), partition: Number(place.slice(at + 1)), offset: String(first) });
  }
  try {
    await eventually('all topics are read', async () => left.size === 0, 120_000);
  } finally {
    await consumer.disconnect();
    await admin.deleteGroups([groupId]).catch(() => undefined);
    await admin.disconnect();
  }
  return found;
}
