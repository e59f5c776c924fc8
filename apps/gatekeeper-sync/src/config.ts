import { commonSettings } from '@caregate/service';
import { identitySettings } from '@caregate/identity';
import { z } from 'zod';

export const settings = z
  .object({
    ...commonSettings,
    ...identitySettings,
    GATEKEEPER_MONGODB_URI: z
      .string({ error: 'is needed: mongodb://host:port/database' })
      .regex(/^mongodb(\+srv)?:\/\/[^/]+\/[^/?]+/, 'must look like mongodb://host:port/database, with the database in its path'),
    KAFKA_BROKERS: z
      .string({ error: 'is needed: host:port, several with commas between them' })
      .regex(/^[^\s,:]+:\d+(,[^\s,:]+:\d+)*$/, 'must look like host:port,host:port'),
    CONNECT_URL: z.url({ protocol: /^https?$/, error: 'must be the address of Kafka Connect, such as http://127.0.0.1:8083' }),
    /** Of topics and connectors; the shard id unless shards share one Kafka under other names. */
    TOPIC_PREFIX: z
      .string()
      .regex(/^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$/, 'must be lower-case letters, digits and inner hyphens')
      .optional(),
    /** Partitions of topics that do not exist yet; those that exist keep theirs, so that documents keep their partition. */
    TOPIC_PARTITIONS: z.coerce.number().int().min(1).max(200).default(6),
    /** Tasks of each sink connector. */
    SINK_TASKS: z.coerce.number().int().min(1).max(200).default(2),
    /** Seconds between two looks at the connectors. */
    RECONCILE_SECONDS: z.coerce.number().min(0.1).max(3_600).default(5),
    /** Seconds between two measurements of how far the replicas are behind. */
    LAG_SECONDS: z.coerce.number().min(0.1).max(3_600).default(5),
    /** Further behind than this, and the app is not ready. */
    LAG_LIMIT_SECONDS: z.coerce.number().min(1).max(86_400).default(30),
    /** Seconds between two comparisons of the replicas with their sources. */
    DRIFT_CHECK_SECONDS: z.coerce.number().min(1).max(86_400).default(300),
  });

export type GatekeeperSyncConfig = z.output<typeof settings>;

/** What begins the names of this shard's topics and connectors. */
export const topicPrefix = (config: GatekeeperSyncConfig) => config.TOPIC_PREFIX ?? config.SHARD_ID;
