import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { loadSettings } from './load/settings.ts';
import { proxySettings } from './proxies.ts';

/** Injection token of the app's parsed settings. */
export const CONFIG = Symbol('CONFIG');

/** A setting is missing or wrong; the message names it and says why, in one line. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** The address of a database: the server, and the database in the path. */
export const mongodbUri = () =>
  z
    .string({ error: 'is needed: mongodb://host:port/database' })
    .regex(
      /^mongodb(\+srv)?:\/\/[^/]+\/[^/?]+/,
      'must look like mongodb://host:port/database, with the database in its path',
    );

/** The settings that every app has (design, "Settings that scripts rely on"). */
export const commonSettings = {
  HOST: z.string().min(1).default('127.0.0.1').describe('the address to listen at'),
  PORT: z.coerce.number().int().min(0).max(65535).default(0).describe('the port to listen at; 0 takes a free one'),
  DOMAIN: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i, 'must be a domain name, such as example.com')
    .default('localhost')
    .describe('the domain that all shards are under'),
  MONGODB_URI: mongodbUri().describe('the database of this app'),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .describe('how much is logged'),
  ...proxySettings,
  ...loadSettings,
  HEAP_GROWTH_PERCENT: z.coerce
    .number()
    .int()
    .min(10)
    .max(1000)
    .default(150)
    .describe(
      'how far the heap may outgrow what lives in it before it is collected: less takes less memory and more processor time',
    ),
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .url({
      protocol: /^https?$/,
      error: 'must be the address of an OpenTelemetry collector, such as http://127.0.0.1:4318',
    })
    .optional()
    .describe('where traces go, as OTLP over HTTP; none are made unless given'),
} as const;

/** The setting of an app of one shard. It has no default: a shard that nobody named would take another's place. */
export const ownShard = {
  SHARD_ID: z
    .string({ error: 'is needed: the shard that this app belongs to, two letters and one or two digits, such as au1' })
    .regex(/^[a-z]{2}[0-9]{1,2}$/, 'must be two letters and one or two digits, such as au1')
    .describe('the shard that this app belongs to'),
} as const;

/** Settings of earlier versions. Whoever still sets one believes that it does something. */
const RETIRED: Readonly<Record<string, string>> = {
  PROVISIONING_SECRET:
    'is not used any more: give DIRECTORY_SIGNING_KEY to the directory and DIRECTORY_PUBLIC_KEYS to each clinic-api (npx caregate directory-key generate), and take it out',
};

/**
 * Reads an app's settings from the environment. An empty variable counts as not set. Instead of `NAME`, `NAME_FILE` may name a file that holds
 * the value, as secrets are mounted by Docker and Kubernetes; a line feed at its end is not part of it.
 * @throws {ConfigError} with one line that names each wrong setting and says why; it never repeats a value, which may be a secret
 */
export function loadConfig<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  env: NodeJS.ProcessEnv = process.env,
): z.output<z.ZodObject<Shape>> {
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  for (const [name, message] of Object.entries(RETIRED))
    if (present[name] !== undefined || present[`${name}_FILE`] !== undefined)
      throw new ConfigError(`${name} ${message}`);
  const parsed = schema.safeParse({ ...present, ...fromFiles(Object.keys(schema.shape), present) });
  if (parsed.success) return parsed.data;
  throw new ConfigError(parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`).join('; '));
}

/** @throws {ConfigError} when a file cannot be read, or a value is given in both ways */
function fromFiles(names: readonly string[], env: NodeJS.ProcessEnv): Record<string, string> {
  const given = names.flatMap((name): [string, string][] => {
    const file = env[`${name}_FILE`];
    if (file === undefined || names.includes(`${name}_FILE`)) return [];
    if (env[name] !== undefined) throw new ConfigError(`${name} and ${name}_FILE are both given; leave one out`);
    return [[name, valueIn(file, `${name}_FILE`)]];
  });
  return Object.fromEntries(given);
}

function valueIn(file: string, name: string): string {
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException; // as node:fs throws them
    throw new ConfigError(`${name} names a file that cannot be read (${code})`);
  }
}

/** For a setting that is read from its text: what `read` throws says what is wrong, without repeating the text. */
export function readBy<T>(read: (text: string) => T) {
  return (text: string, context: z.RefinementCtx): T => {
    try {
      return read(text);
    } catch (error) {
      context.addIssue(error instanceof Error ? error.message : 'cannot be read');
      return z.NEVER;
    }
  };
}

/** What `--help` of an app prints: each setting, whether it is needed, and what it is for. */
export function settingsHelp(app: string, schema: z.ZodObject): string {
  const settings = Object.entries(schema.shape);
  const width = Math.max(...settings.map(([name]) => name.length));
  const rows = settings.map(([name, type]) => {
    const description = 'description' in type ? String(type.description ?? '') : '';
    return `  ${name.padEnd(width)}  ${description} (${needOf(type)})`;
  });
  return [
    `Usage: node ${app}/main.js [--help | --version]`,
    '',
    'Settings are environment variables; NAME_FILE may name a file that holds the value of NAME:',
    ...rows,
    '',
  ].join('\n');
}

function needOf(type: z.core.$ZodType): string {
  const unset = z.safeParse(type, undefined);
  if (!unset.success) return 'needed';
  return unset.data === undefined ? 'optional' : `default ${String(unset.data)}`;
}
