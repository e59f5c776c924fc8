import { readSigningKey } from '@caregate/identity/directory-token';
import { commonSettings, readBy } from '@caregate/service';
import { isShardId } from '@caregate/shard';
import { z } from 'zod';

export const settings = z.object({
  ...commonSettings,
  SHARDS_FILE: z
    .string({ error: 'is needed: the path of the file that lists regions and shards' })
    .describe('regions and shards, in YAML; read again whenever it changes'),
  DEFAULT_SHARD: z
    .string()
    .default('au1')
    .refine(isShardId, 'must be a shard id, such as au1')
    .describe('where keys of the time before shards belong'),
  DIRECTORY_SIGNING_KEY: z
    .string({
      error: 'is needed: the Ed25519 private key of the directory; make one with: npx caregate directory-key generate',
    })
    .transform(readBy(readSigningKey))
    .describe(
      'the private key, a JWK or PEM, that signs what the directory asks of shards; each clinic-api has its public half',
    ),
  UNSHARDED_MODE: z
    .enum(['redirect', 'proxy'])
    .default('redirect')
    .describe('whether api.<domain> sends callers on to their shard, or, for a time of grace, asks it in their place'),
  UNSHARDED_DEPRECATED_SINCE: day()
    .default('2026-11-24')
    .describe('in that time of grace: since when the address without a shard is deprecated'),
  UNSHARDED_SUNSET: day().optional().describe('and the day on which the grace is to end'),
  UNSHARDED_DOCS: z
    .url({ protocol: /^https?$/, error: 'must be the address of a page' })
    .optional()
    .describe('and a page that tells integrators what to do'),
  PUBLIC_SCHEME: z
    .enum(['https', 'http'])
    .optional()
    .describe('how people reach the shards; https, but http under localhost, unless given'),
  PUBLIC_PORT: z.coerce
    .number()
    .int()
    .min(1)
    .max(65535)
    .optional()
    .describe('the port that people use, where it is not the scheme’s own and not said in SHARDS_FILE'),
  OPERATOR_TOKEN: z
    .string()
    .min(32, 'must have at least 32 characters; make one with: openssl rand -hex 32')
    .optional()
    .describe('by which operators are known, as a bearer token; without it their operations are closed'),
  SIGN_UPS_PER_HOUR: z.coerce
    .number()
    .int()
    .positive()
    .default(100)
    .describe('accounts that may be signed up from one network address in an hour'),
  SIGN_UPS_PER_EMAIL: z.coerce
    .number()
    .int()
    .positive()
    .default(20)
    .describe('accounts that may be signed up with one email in an hour; each is mailed to it'),
  MOVE_GRACE_SECONDS: z.coerce
    .number()
    .min(0)
    .default(86_400)
    .describe('how long what an account left behind is kept on the shard that it moved from'),
});

function day() {
  return z.iso.date('must be a day such as 2026-11-24');
}

export type DirectoryConfig = z.output<typeof settings>;
