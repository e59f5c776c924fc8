import { identitySettings } from '@caregate/identity';
import { commonSettings } from '@caregate/service';
import { z } from 'zod';

const userId = z.string().regex(/^([0-9a-f]{10}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/, 'must be a user id');

export const settings = z.object({
  ...commonSettings,
  ...identitySettings,
  KAFKA_BROKERS: z
    .string({ error: 'is needed: host:port, several with commas between them' })
    .regex(/^[^\s,:]+:\d+(,[^\s,:]+:\d+)*$/, 'must look like host:port,host:port'),
  /** Of topics and the consumer group; the shard id unless shards share one Kafka under other names. */
  TOPIC_PREFIX: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$/, 'must be lower-case letters, digits and inner hyphens')
    .optional(),
  /** Partitions of topics that do not exist yet; the same as gatekeeper-sync's. */
  TOPIC_PARTITIONS: z.coerce.number().int().min(1).max(200).default(6),
  /** Where the user platform publishes its CloudEvents. */
  USER_EVENTS_TOPIC: z
    .string()
    .regex(/^[\w.-]{1,249}$/, 'must be the name of a Kafka topic')
    .default('user-events'),
  SMTP_URL: z
    .string({ error: 'is needed: smtp://host:port' })
    .regex(/^smtps?:\/\/\S+$/, 'must look like smtp://host:port or smtps://user:password@host:port'),
  MAIL_FROM: z
    .string({ error: 'is needed: the sender of all emails, such as Caregate <no-reply@example.com>' })
    .regex(
      /^([^<>\r\n]*<)?[^\s<>@]+@[^\s<>@]+>?$/,
      'must be an email address, such as Caregate <no-reply@example.com>',
    ),
  /** Connections to the SMTP server. With more than one, a crash can repeat as many emails, and not just one. */
  MAIL_CONNECTIONS: z.coerce.number().int().min(1).max(20).default(1),
  /** Where the links in emails lead; https://app.<shard>.<domain> unless given. */
  APP_URL: z.url({ protocol: /^https?$/, error: 'must be an address such as https://app.example.com' }).optional(),
  /** The gatekeeper database, for direct sharing of users who are gone. Without it that is left to whoever keeps it. */
  GATEKEEPER_MONGODB_URI: z
    .string()
    .regex(
      /^mongodb(\+srv)?:\/\/[^/]+\/[^/?]+/,
      'must look like mongodb://host:port/database, with the database in its path',
    )
    .optional(),
  /** The clinics' demo patient, who is counted apart; the same as clinic-api's. */
  DEMO_PATIENT_USER_ID: userId.optional(),
  /** Reactions that run at once in this copy of the worker. */
  CONCURRENCY: z.coerce.number().int().min(1).max(500).default(32),
  /** Seconds that a reaction stays claimed after its worker's last sign of life. */
  LEASE_SECONDS: z.coerce.number().min(1).max(600).default(30),
});

export type ClinicWorkerConfig = z.output<typeof settings>;

/** What begins the names of this shard's topics and consumer group. */
export const topicPrefix = (config: ClinicWorkerConfig) => config.TOPIC_PREFIX ?? config.SHARD_ID;

export const appUrl = (config: ClinicWorkerConfig) =>
  (config.APP_URL ?? `https://app.${config.SHARD_ID}.${config.DOMAIN}`).replace(/\/+$/, '');
