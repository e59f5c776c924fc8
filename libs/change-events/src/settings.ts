import { z } from 'zod';
import { kafkaAddress } from './kafka-address.ts';

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
    .default('user-events')
    .describe('where the user platform publishes its CloudEvents'),
} as const;

/** What begins the names of a shard's topics, connectors and consumer groups. */
export const topicPrefix = (config: { TOPIC_PREFIX?: string; SHARD_ID: string }) =>
  config.TOPIC_PREFIX ?? config.SHARD_ID;
