import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort, type Servers, startApp, startServers } from '@caregate/stack';
import { MongoClient } from 'mongodb';
import type { Measured } from './load-report.ts';

/** Where the public load tool and its identity stub are: no part of the product. */
export const COMPAT = join(import.meta.dirname, '../../../../shared/compat');

/** A program that says in its first line where it listens. */
export interface Listening {
  readonly url: string;
  readonly pid: number | undefined;
  stop(): Promise<unknown>;
}

/** What a bench says that is left out where the load tool and its stub are not; undefined where they are. */
export const leftOut = (bench: string, compat: string): string | undefined =>
  ['load.mjs', 'stub-backends.mjs'].every((file) => existsSync(join(compat, file)))
    ? undefined
    : `${bench}: left out, as load.mjs and its stub-backends.mjs are not in ${compat} (--compat says where they are).`;

/** Knows the callers of the load tool. */
const startStub = async (compat: string): Promise<Listening> =>
  start([join(compat, 'stub-backends.mjs'), '--port', String(await freePort())], {});

/** What the machine could do, see bare.ts. */
export const startBare = async ({ servers, database }: Place): Promise<Listening> =>
  start([join(import.meta.dirname, 'bare.ts')], {
    MONGODB_URI: servers.mongodbUri,
    DATABASE: bareOf(database),
    PORT: String(await freePort()),
  });

export interface Place {
  readonly servers: Servers;
  readonly database: string;
  readonly identityUrl: string;
}

/** A MongoDB, a database there that nobody else has and that is removed in the end, and the stub that knows the callers. */
export async function startPlace(
  compat: string,
  later: (end: () => Promise<unknown>) => void,
  say: (line: string) => void,
): Promise<Place> {
  const servers = await startServers({ only: ['mongod'], log: say });
  later(() => servers.stop());
  const database = `bench_${randomBytes(4).toString('hex')}`;
  later(async () => {
    const client = await MongoClient.connect(servers.mongodbUri);
    const { databases } = await client.db().admin().listDatabases({ nameOnly: true });
    for (const { name } of databases) if (name.startsWith(database)) await client.db(name).dropDatabase();
    await client.close();
  });
  const stub = await startStub(compat);
  later(() => stub.stop());
  return { servers, database, identityUrl: stub.url };
}

const bareOf = (database: string) => `${database}_bare`;

/** The built clinic API as users get it, but that a remote service knows the callers: the load tool's stub. */
export async function startMeasuredApi(
  { servers, database, identityUrl }: Place,
  { profile, dist }: { profile?: string | undefined; dist?: string | undefined } = {},
) {
  const began = performance.now();
  const app = await startApp({
    name: 'clinic-api',
    label: 'bench-clinic-api',
    ...(dist !== undefined && { dist }),
    env: {
      SHARD_ID: 'au1',
      DOMAIN: 'localhost',
      MONGODB_URI: servers.mongodbUriFor(database),
      IDENTITY: 'http',
      IDENTITY_URL: identityUrl,
      DATA_SOURCES_URL: identityUrl,
      ...(profile !== undefined && {
        NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${resolve(profile)}`,
      }),
    },
  });
  return { app, startSeconds: (performance.now() - began) / 1_000 };
}

/** Resident memory of a process now and at most so far, in MiB; Linux only. */
export async function memoryOf(pid: number | undefined): Promise<{ rssMb: number; peakMb: number } | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => undefined);
  if (status === undefined) return undefined;
  const mb = (field: string) => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? Number.NaN) / 1_024;
  return { rssMb: mb('VmRSS'), peakMb: mb('VmHWM') };
}

export interface ToolSettings {
  readonly compat: string;
  readonly patients: number;
  readonly seconds: number;
  readonly url: string;
  /** Keeps the ids of what was seeded. */
  readonly state: string;
  readonly pid: number | undefined;
}

/** What the load tool has seeded. */
export interface Seeded {
  readonly admin: string;
  readonly outsider: string;
  readonly small: string;
  readonly big: string;
}

/** The public load tool, as it is. */
export class LoadTool {
  private readonly settings: ToolSettings;

  constructor(settings: ToolSettings) {
    this.settings = settings;
  }

  async run(scenario: string): Promise<Measured> {
    const { compat, patients, seconds, url, state, pid } = this.settings;
    const flags = { base: url, patients, seconds, warmup: 1, scenarios: scenario, state, ...(pid && { pid }) };
    const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const child = spawn(process.execPath, [join(compat, 'load.mjs'), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    const [out, err, code] = await Promise.all([
      textOf(child.stdout),
      textOf(child.stderr),
      new Promise((done) => child.once('exit', done)),
    ]);
    if (code !== 0) throw new Error(`load.mjs ended with ${code} at ${scenario}: ${err.slice(-500)}`);
    const { results } = JSON.parse(out) as { results: Measured[] }; // the tool's own shape
    const [result] = results;
    if (!result) throw new Error(`load.mjs knows no scenario ${scenario}`);
    if (result.errors > 0)
      throw new Error(`${scenario} at ${url}: ${result.errors} errors: ${JSON.stringify(result.statuses)}`);
    return result;
  }

  async seeded(): Promise<Seeded> {
    return JSON.parse(await readFile(this.settings.state, 'utf8')) as Seeded; // the tool's own shape
  }
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function start(args: readonly string[], env: Record<string, string>): Promise<Listening> {
  const child: ChildProcess = spawn(process.execPath, [...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  if (!child.stdout) throw new Error('its output is a pipe');
  const ended = new Promise((done) => child.once('exit', done));
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /(http:\S+)/.exec(line)?.[1];
    if (url !== undefined) return { url, pid: child.pid, stop: () => (child.kill(), ended) };
  }
  throw new Error(`${args[0]} did not start`);
}
