import { streamSettings } from '@caregate/change-events';
import { identitySettings } from '@caregate/identity';
import { commonSettings, mongodbUri, ownShard } from '@caregate/service';
import { z } from 'zod';

export const settings = z.object({
  ...commonSettings,
  ...ownShard,
  ...identitySettings,
  ...streamSettings,
  GATEKEEPER_MONGODB_URI: mongodbUri().describe('the gatekeeper database'),
  CONNECT_MONGODB_URI: reference('MONGODB_URI'),
  CONNECT_GATEKEEPER_MONGODB_URI: reference('GATEKEEPER_MONGODB_URI'),
  CONNECT_URL: z
    .url({ protocol: /^https?$/, error: 'must be the address of Kafka Connect, such as http://127.0.0.1:8083' })
    .describe('the REST interface of Kafka Connect'),
  SINK_TASKS: z.coerce.number().int().min(1).max(200).default(2).describe('tasks of each sink connector'),
  RECONCILE_SECONDS: z.coerce.number().min(0.1).max(3_600).default(5).describe('between two looks at the connectors'),
  LAG_SECONDS: z.coerce
    .number()
    .min(0.1)
    .max(3_600)
    .default(5)
    .describe('between two measurements of how far the replicas are behind'),
  LAG_LIMIT_SECONDS: z.coerce
    .number()
    .min(1)
    .max(86_400)
    .default(30)
    .describe('further behind than this, and the app is not ready'),
  READ_AFTER_TIMEOUT_MS: z.coerce
    .number()
    .int()
    .min(1)
    .max(25_000)
    .default(2_000)
    .describe('how long a read waits, in milliseconds, that must not be older than a write'),
  DRIFT_CHECK_SECONDS: z.coerce
    .number()
    .min(1)
    .max(86_400)
    .default(300)
    .describe('between two comparisons of the replicas with their sources'),
});

/** What stands in connectors in place of an address; Connect resolves it. */
function reference(setting: string) {
  return z
    .string()
    .regex(
      /^(\$\{[^{}]+\}|mongodb(\+srv)?:\/\/\S+)$/,
      'must be a reference such as ${file:/run/secrets/au1.properties:clinic}, or an address mongodb://…',
    )
    .optional()
    .describe(`what Kafka Connect’s connectors are given for ${setting}: a reference to its config providers`);
}

export type GatekeeperSyncConfig = z.output<typeof settings>;
