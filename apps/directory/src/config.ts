import { commonSettings } from '@caregate/service';
import { isShardId } from '@caregate/shard';
import { z } from 'zod';

export const settings = z.object({
  ...commonSettings,
  /** Regions and shards, in YAML; read again whenever it changes. */
  SHARDS_FILE: z.string({ error: 'is needed: the path of the file that lists regions and shards' }),
  /** Where keys of the time before shards belong (source "Sharding", section "Older API keys"). */
  DEFAULT_SHARD: z.string().default('au1').refine(isShardId, 'must be a shard id, such as au1'),
  /** Shared with the shards, which accept accounts from whoever knows it. */
  PROVISIONING_SECRET: z
    .string({ error: 'is needed: the secret that the shards know too; make one with: openssl rand -hex 32' })
    .min(16, 'must have at least 16 characters'),
  /** How people reach the shards. Without it: https, but http under localhost, where there is no TLS. */
  PUBLIC_SCHEME: z.enum(['https', 'http']).optional(),
  /** The port that people use, where it is not the scheme's own and not said in SHARDS_FILE. */
  PUBLIC_PORT: z.coerce.number().int().min(1).max(65535).optional(),
  /** By which operators are known, as a bearer token; without it their operations are closed. */
  OPERATOR_TOKEN: z
    .string()
    .min(32, 'must have at least 32 characters; make one with: openssl rand -hex 32')
    .optional(),
  /** How many accounts may be signed up from one network address in an hour. */
  SIGN_UPS_PER_HOUR: z.coerce.number().int().positive().default(100),
});

export type DirectoryConfig = z.output<typeof settings>;
