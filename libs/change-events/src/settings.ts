import { ConfigError, type ShardOwner } from '@caregate/service';
import type { Kafka } from 'kafkajs';
import { z } from 'zod';
import { kafkaAddress } from './kafka-address.ts';
import { assertOutside, claimTopics } from './topic-owner.ts';
import { type TopicDefinition, topicDefinitions, topicsOf } from './topics.ts';

/** Settings of an app that reads or feeds Kafka. */
export const streamSettings = {
  KAFKA_BROKERS: z
    .string({ error: 'is needed: host:port, several with commas between them' })
    .superRefine((text, context) => {
      try {
        kafkaAddress(text);
      } catch (error) {
        context.addIssue({ code: 'custom', message: (error as Error).message }); // WrongKafkaAddress
      }
    })
    .describe('the Kafka brokers, host:port,host:port or kafkas://user:password@host:port,host:port?mechanism=…'),
  TOPIC_PREFIX: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$/, 'must be lower-case letters, digits and inner hyphens')
    .optional()
    .describe('begins the names of topics, connectors and groups; the shard id unless shards share one Kafka'),
  TOPIC_PARTITIONS: z.coerce
    .number()
    .int()
    .min(1)
    .max(200)
    .default(6)
    .describe('partitions of topics that do not exist yet; those that exist keep theirs'),
  USER_EVENTS_TOPIC: z
    .string()
    .regex(/^[\w.-]{1,249}$/, 'must be the name of a Kafka topic')
    .optional()
    .describe(
      'with IDENTITY=http: the topic of a user platform, of this region’s users only; <prefix>.user-events unless given',
    ),
} as const;

/** What begins the names of a shard's topics, connectors and consumer groups. */
export const topicPrefix = (config: { TOPIC_PREFIX?: string; SHARD_ID: string }) =>
  config.TOPIC_PREFIX ?? config.SHARD_ID;

interface StreamConfig {
  readonly IDENTITY: 'local' | 'http';
  readonly USER_EVENTS_TOPIC?: string;
  readonly TOPIC_PREFIX?: string;
  readonly TOPIC_PARTITIONS: number;
  readonly SHARD_ID: string;
}

/**
 * Where events about users come from: the shard's own topic, or the topic of an outside platform that keeps the users.
 * @throws {ConfigError} when a shard that keeps its users itself names another topic, by which they could leave the shard
 */
export function userEventsTopic(config: Omit<StreamConfig, 'TOPIC_PARTITIONS'>): string {
  const own = topicsOf(topicPrefix(config)).userEvents;
  if (config.IDENTITY === 'local' && config.USER_EVENTS_TOPIC !== undefined)
    throw new ConfigError(
      `USER_EVENTS_TOPIC is only for IDENTITY=http: with IDENTITY=local the users' events stay on the shard's own topic ${own}; leave it out`,
    );
  return config.USER_EVENTS_TOPIC ?? own;
}

/**
 * Claims the shard's topics, and makes sure that none of another shard is read.
 * @throws {ForeignOwner} when the settings name what belongs to another shard
 */
export async function claimOwnTopics(kafka: Kafka, config: StreamConfig, owner: ShardOwner): Promise<void> {
  await claimTopics(kafka, topicPrefix(config), owner);
  if (config.USER_EVENTS_TOPIC !== undefined) await assertOutside(kafka, config.USER_EVENTS_TOPIC, owner);
}

/** Every topic that a shard needs. An outside platform owns its topic: it is created where it is missing, and its settings are left alone. */
export function topicsNeeded(config: StreamConfig): TopicDefinition[] {
  const own = topicDefinitions(topicPrefix(config), config.TOPIC_PARTITIONS);
  const users = userEventsTopic(config);
  if (own.some(({ name }) => name === users)) return own;
  return [...own, { name: users, partitions: config.TOPIC_PARTITIONS, settings: {} }];
}
