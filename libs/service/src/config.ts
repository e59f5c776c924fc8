import { z } from 'zod';

/** Injection token of the app's parsed settings. */
export const CONFIG = Symbol('CONFIG');

/** A setting is missing or wrong; the message names it and says why, in one line. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** The settings that every app has (design, "Settings that scripts rely on"). `PORT` 0 takes a free port. */
export const commonSettings = {
  HOST: z.string().min(1).default('127.0.0.1'),
  PORT: z.coerce.number().int().min(0).max(65535).default(0),
  SHARD_ID: z
    .string()
    .regex(/^[a-z]{2}[0-9]{1,2}$/, 'must be two letters and one or two digits, such as au1')
    .default('au1'),
  DOMAIN: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i, 'must be a domain name, such as example.com')
    .default('localhost'),
  MONGODB_URI: z
    .string({ error: 'is needed: mongodb://host:port/database' })
    .regex(/^mongodb(\+srv)?:\/\/[^/]+\/[^/?]+/, 'must look like mongodb://host:port/database, with the database in its path'),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
} as const;

/**
 * Reads an app's settings from the environment. An empty variable counts as not set.
 * @throws {ConfigError} with one line that names each wrong setting and says why; it never repeats a value, which may be a secret
 */
export function loadConfig<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  env: NodeJS.ProcessEnv = process.env,
): z.output<z.ZodObject<Shape>> {
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const parsed = schema.safeParse(present);
  if (parsed.success) return parsed.data;
  throw new ConfigError(parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`).join('; '));
}
