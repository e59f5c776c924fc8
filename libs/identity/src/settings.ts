import { ConfigError } from '@caregate/service';
import { z } from 'zod';
import { LinkSecrets } from './link-secrets.ts';

const SECRET_LENGTH = 32;
const secret = z
  .string()
  .min(SECRET_LENGTH, `must have at least ${SECRET_LENGTH} characters; make one with: openssl rand -hex 32`);

/** Settings of an app that must know its callers, to be spread into the app's schema. */
export const identitySettings = {
  IDENTITY: z
    .enum(['local', 'http'], 'must be local (users are kept on the shard) or http (a remote service knows them)')
    .default('local')
    .describe('who knows callers and users: local keeps them on the shard, http asks a remote service'),
  IDENTITY_URL: z
    .url({ protocol: /^https?$/, error: 'must be an address such as http://identity.internal:9107' })
    .optional()
    .describe('with http: the base address of the remote identity service'),
  IDENTITY_SECRET: z
    .string()
    .optional()
    .describe('with local (needed): signs session tokens; with http: the secret by which this server signs in'),
  IDENTITY_SECRET_PREVIOUS: secret
    .optional()
    .describe('the secret before this one; tokens that it signed are still taken, so a change signs nobody out'),
  LINK_SECRET: secret
    .optional()
    .describe(
      'makes the secrets in mailed links, alike in clinic-api and clinic-worker; IDENTITY_SECRET unless given, if that has 32 characters',
    ),
  IDENTITY_SESSION_HOURS: z.coerce
    .number()
    .positive()
    .max(24 * 30)
    .default(12)
    .describe('how long a session lasts, in hours'),
  IDENTITY_REALM: z
    .string()
    .regex(/^[\w-]+$/, 'must be a realm name')
    .default('caregate')
    .describe('the realm of the remote identity provider that knows the service accounts'),
  DATA_SOURCES_URL: z
    .url({ protocol: /^https?$/, error: 'must be an address such as http://data.internal:9220' })
    .optional()
    .describe(
      'with http: the base address of the service that knows users’ data sources; without it none are asked for',
    ),
} as const;

export type IdentityConfig = z.output<z.ZodObject<typeof identitySettings>> & { SHARD_ID: string };

export interface LocalConfig {
  shardId: string;
  secret: string;
  previousSecret?: string;
  sessionHours: number;
}

export interface HttpConfig {
  url: string;
  serverName: string;
  serverSecret: string;
  realm: string;
  /** Base address of the service that knows data sources, where there is one. */
  dataSourcesUrl?: string;
}

/** @throws {ConfigError} when no usable secret is set: a guessable one would let anyone sign tokens */
export function localConfig(config: IdentityConfig): LocalConfig {
  const parsed = secret.safeParse(config.IDENTITY_SECRET);
  if (config.IDENTITY_SECRET === undefined)
    throw new ConfigError(
      'IDENTITY_SECRET is needed with IDENTITY=local: it signs the session tokens; make one with: openssl rand -hex 32',
    );
  if (!parsed.success) throw new ConfigError(`IDENTITY_SECRET ${parsed.error.issues[0]?.message}`);
  return {
    shardId: config.SHARD_ID,
    secret: parsed.data,
    ...(config.IDENTITY_SECRET_PREVIOUS !== undefined && { previousSecret: config.IDENTITY_SECRET_PREVIOUS }),
    sessionHours: config.IDENTITY_SESSION_HOURS,
  };
}

/** @throws {ConfigError} when there is no address to ask */
export function httpConfig(config: IdentityConfig): HttpConfig {
  if (config.IDENTITY_URL === undefined)
    throw new ConfigError(
      'IDENTITY_URL is needed with IDENTITY=http: the base address of the identity service, such as http://identity.internal:9107',
    );
  return {
    url: config.IDENTITY_URL.replace(/\/+$/, ''),
    serverName: `caregate-${config.SHARD_ID}`,
    serverSecret: config.IDENTITY_SECRET ?? '',
    realm: config.IDENTITY_REALM,
    ...(config.DATA_SOURCES_URL !== undefined && { dataSourcesUrl: config.DATA_SOURCES_URL.replace(/\/+$/, '') }),
  };
}

/** Without LINK_SECRET, and with an IDENTITY_SECRET that could be guessed or none (possible with http only), there are no links. */
export function linkSecrets({ SHARD_ID, LINK_SECRET, ...config }: IdentityConfig): LinkSecrets {
  const { IDENTITY_SECRET, IDENTITY_SECRET_PREVIOUS } = config;
  const derivedFrom = LINK_SECRET === undefined ? [IDENTITY_SECRET, IDENTITY_SECRET_PREVIOUS] : [LINK_SECRET];
  return new LinkSecrets(
    SHARD_ID,
    derivedFrom.filter((text) => text !== undefined).filter(({ length }) => length >= SECRET_LENGTH),
  );
}
