import { randomUUID } from 'node:crypto';
import { ForeignOwner, type ShardOwner } from '@caregate/service/ownership';
import type { Admin, Kafka } from 'kafkajs';
import { z } from 'zod';
import { ensureTopics, isPrefix, ownerTopicDefinition, topicsOf } from './topics.ts';

const claim = z.object({ shardId: z.string(), installationId: z.string() });

/**
 * Claims what begins with a prefix on this Kafka for a shard. All claims are messages of one partition, so they have one order, and the
 * first is the owner's for as long as the topic exists.
 * @throws {ForeignOwner} when the prefix belongs to another shard, or to another database of the same shard
 * @throws kafkajs errors while Kafka is away
 */
export async function claimTopics(kafka: Kafka, prefix: string, owner: ShardOwner): Promise<void> {
  await ensureTopics(kafka, [ownerTopicDefinition(prefix)]);
  const found = (await ownerOfTopics(kafka, prefix)) ?? (await claimed(kafka, prefix, owner));
  if (found.installationId === owner.installationId) return;
  const whose =
    found.shardId === owner.shardId ? `another database of shard ${found.shardId}` : `shard ${found.shardId}`;
  throw new ForeignOwner(
    `the topics ${prefix}.* on this Kafka belong to ${whose}, and this app is started for the database of shard ${owner.shardId} in MONGODB_URI: ` +
      `change TOPIC_PREFIX, KAFKA_BROKERS or MONGODB_URI, or delete the topic ${topicsOf(prefix).owner} if their owner is gone for good`,
  );
}

/**
 * Whether a topic may be read that an outside platform is said to keep.
 * @throws {ForeignOwner} when it is the topic of another shard
 */
export async function assertOutside(kafka: Kafka, topic: string, owner: ShardOwner): Promise<void> {
  const [prefix = ''] = topic.split('.');
  const found = isPrefix(prefix) ? await ownerOfTopics(kafka, prefix) : undefined;
  if (!found || found.installationId === owner.installationId) return;
  throw new ForeignOwner(
    `the topic ${topic} belongs to shard ${found.shardId}, whose users are not those of shard ${owner.shardId}: change USER_EVENTS_TOPIC`,
  );
}

/** Whose the topics of a prefix are; undefined where nobody has claimed them. */
export async function ownerOfTopics(kafka: Kafka, prefix: string): Promise<ShardOwner | undefined> {
  const topic = topicsOf(prefix).owner;
  const admin = kafka.admin();
  await admin.connect();
  try {
    if (!(await admin.listTopics()).includes(topic)) return undefined;
    const [partition] = await admin.fetchTopicOffsets(topic);
    if (!partition || partition.low === partition.high) return undefined;
    const text = await firstMessage(kafka, admin, topic);
    const read = claim.safeParse(jsonIn(text));
    if (!read.success) throw new Error(`the first message of ${topic} is no claim; delete the topic`);
    return read.data;
  } finally {
    await admin.disconnect();
  }
}

async function claimed(kafka: Kafka, prefix: string, owner: ShardOwner): Promise<ShardOwner> {
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  try {
    const messages = [{ key: owner.installationId, value: JSON.stringify(owner) }];
    await producer.send({ topic: topicsOf(prefix).owner, acks: -1, messages });
  } finally {
    await producer.disconnect();
  }
  const found = await ownerOfTopics(kafka, prefix); // another may have been first
  if (!found) throw new Error('the claim of the topics is not there yet');
  return found;
}

const READ_WITHIN_MS = 30_000;

async function firstMessage(kafka: Kafka, admin: Admin, topic: string): Promise<string> {
  const groupId = `${topic}.${randomUUID()}`;
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 200, allowAutoTopicCreation: false });
  let timeout: NodeJS.Timeout | undefined;
  await consumer.connect();
  try {
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    return await new Promise<string>((resolve, reject) => {
      timeout = setTimeout(() => reject(new Error(`${topic} cannot be read`)), READ_WITHIN_MS);
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
      consumer
        .run({ autoCommit: false, eachMessage: async ({ message }) => resolve(message.value?.toString() ?? '') })
        .catch(reject);
    });
  } finally {
    clearTimeout(timeout);
    await consumer.disconnect();
    await admin.deleteGroups([groupId]).catch(() => {}); // it may never have been made
  }
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
