import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stopwatch } from '../elapsed.ts';
import { StackError } from '../errors.ts';
import { silent, type Log } from '../log.ts';
import { freePort, host } from '../process/ports.ts';
import { properties } from '../servers/properties.ts';
import type { Servers } from '../servers/start-servers.ts';
import { startApp, type App } from './app.ts';
import { regionOf, regionsOf, shardsFileText, type Region, type ShardEntry, type ShardsFile } from './shards-file.ts';

export const shardAppNames = ['clinic-api', 'clinic-worker', 'gatekeeper-sync'] as const;
export type ShardAppName = (typeof shardAppNames)[number];
export type AppName = ShardAppName | 'directory';

export interface StartShardsOptions {
  /** Ids, e.g. ['au1', 'uk1']. The first one is the default shard. */
  shards: string[];
  domain?: string;
  /** Before the names of databases and topics, so that several platforms share the servers, e.g. "t1_". */
  prefix?: string;
  regions?: Region[];
  /** How the shards file is written; the directory decides about its format. */
  shardsFile?: (content: ShardsFile) => string;
  /** Settings beside the usual ones, or instead of them. No shard is given for the directory. */
  env?: (app: AppName, shard: string | undefined) => Record<string, string>;
  /** Ports to take where they are free. */
  ports?: (app: AppName, shard: string | undefined) => number | undefined;
  /** Folder of the built apps; dist/apps of this workspace when not given. */
  dist?: string;
  /** Start only these of the apps. All when not given. */
  only?: AppName[];
  log?: Log;
}

/** The apps of one shard. Reading an app that was not asked for throws. */
export interface Shard {
  readonly id: string;
  readonly api: App;
  readonly worker: App;
  readonly sync: App;
  readonly database: string;
  readonly mongodbUri: string;
  readonly gatekeeperDatabase: string;
  readonly gatekeeperMongodbUri: string;
  readonly topicPrefix: string;
}

/** The directory and the apps of all shards, running. */
export interface Platform {
  readonly directory: App;
  readonly directoryMongodbUri: string;
  readonly domain: string;
  readonly shards: Readonly<Record<string, Shard>>;
  shard(id: string): Shard;
  readonly apps: App[];
  readonly shardsFile: string;
  /** By which the directory signs what it asks of shards; the shards have its public half. */
  readonly directorySigningKey: string;
  /** By which the directory knows operators. */
  readonly operatorToken: string;
  /** SIGTERM to all apps; resolves to their exit codes by label when they have ended. */
  stop(): Promise<Record<string, number | null>>;
}

export async function startShards(servers: Servers, options: StartShardsOptions): Promise<Platform> {
  const { log = silent } = options;
  const elapsed = stopwatch();
  const layout = await layOut(servers, options);
  const apps = new Map<string, App>();
  const results = await Promise.allSettled(
    layout.plans.map(async ({ name, label, env }) => {
      const place = { logs: servers.run.logs, ...(options.dist && { dist: options.dist }) };
      apps.set(label, await startApp({ name, label, env, log, ...place }));
    }),
  );
  const stop = () => stopAll([...apps.values()]);
  const failure = results.find((result) => result.status === 'rejected');
  if (failure) {
    await stop();
    throw failure.reason;
  }
  log(`${apps.size} apps are ready after ${elapsed()}`);
  return platformOf(layout, apps, stop);
}

interface Layout {
  domain: string;
  directorySigningKey: string;
  operatorToken: string;
  shardsFile: string;
  directoryMongodbUri: string;
  shards: Omit<Shard, 'api' | 'worker' | 'sync'>[];
  plans: { name: AppName; label: string; env: Record<string, string> }[];
}

/** Decides names, ports and settings of everything, before anything is started. */
async function layOut(servers: Servers, options: StartShardsOptions): Promise<Layout> {
  const { prefix = '', domain = 'localhost', ports = () => undefined, only } = options;
  const extra = options.env ?? (() => ({}));
  const secret = () => randomBytes(32).toString('hex');
  const directoryKey = newDirectoryKey();
  const operatorToken = secret();
  const directoryMongodbUri = servers.mongodbUriFor(`${prefix}directory`);

  const common = {
    HOST: host,
    DOMAIN: domain,
    LOG_LEVEL: process.env.LOG_LEVEL ?? 'info',
  };
  const [defaultShard] = options.shards;
  if (defaultShard === undefined) throw new StackError('a platform needs one shard at least');

  const plans: Layout['plans'] = [];
  const entries: ShardEntry[] = [];
  const shards: Layout['shards'] = [];
  for (const id of options.shards) {
    const shard = shardNames(servers, id, prefix);
    shards.push(shard);
    const identity = { IDENTITY: 'local', IDENTITY_SECRET: secret() };
    const streams = {
      KAFKA_BROKERS: servers.env.KAFKA_BROKERS ?? '',
      TOPIC_PREFIX: shard.topicPrefix,
    };
    const base = { ...common, SHARD_ID: id, MONGODB_URI: shard.mongodbUri };
    const settings: Record<ShardAppName, Record<string, string>> = {
      'clinic-api': { ...base, ...identity, DIRECTORY_PUBLIC_KEYS: directoryKey.publicKey },
      'clinic-worker': {
        ...base,
        ...identity,
        ...streams,
        SMTP_URL: servers.env.SMTP_URL ?? '',
        MAIL_FROM: `Caregate <no-reply@${id}.${domain}>`,
      },
      'gatekeeper-sync': {
        ...base,
        ...identity,
        ...streams,
        CONNECT_URL: servers.env.CONNECT_URL ?? '',
        GATEKEEPER_MONGODB_URI: shard.gatekeeperMongodbUri,
      },
    };
    for (const name of shardAppNames) {
      const port = String(await freePort(ports(name, id)));
      if (name === 'clinic-api') settings['clinic-worker'].API_URL = `http://api.${id}.${domain}:${port}`;
      const env = { ...settings[name], PORT: port, ...extra(name, id) };
      const references = name === 'gatekeeper-sync' ? await referencesOf(servers, shard.topicPrefix, env) : {};
      plans.push({ name, label: `${name}-${id}`, env: { ...references, ...env } });
      if (name === 'clinic-api') {
        entries.push({
          id,
          region: regionOf(id),
          state: 'open',
          weight: 1,
          apiUrl: `http://${host}:${port}`,
          publicPort: Number(port),
        });
      }
    }
  }

  const shardsFile = join(servers.run.data, `${prefix}shards.yaml`);
  const content = { regions: options.regions ?? regionsOf(options.shards), shards: entries };
  await writeFile(shardsFile, (options.shardsFile ?? shardsFileText)(content));
  plans.push({
    name: 'directory',
    label: 'directory',
    env: {
      ...common,
      MONGODB_URI: directoryMongodbUri,
      PORT: String(await freePort(ports('directory', undefined))),
      SHARDS_FILE: shardsFile,
      DEFAULT_SHARD: defaultShard,
      OPERATOR_TOKEN: operatorToken,
      DIRECTORY_SIGNING_KEY: directoryKey.privateKey,
      ...extra('directory', undefined),
    },
  });
  return {
    domain,
    directorySigningKey: directoryKey.privateKey,
    operatorToken,
    shardsFile,
    directoryMongodbUri,
    shards,
    plans: plans
      .filter(({ name }) => only === undefined || only.includes(name))
      .map((plan) => ({ ...plan, label: `${prefix}${plan.label}` })),
  };
}

/** Connectors refer to the addresses, where Connect can resolve that: they may hold passwords, and Connect shows what connectors hold. */
async function referencesOf(
  { env: { CONNECT_SECRETS } }: Servers,
  topicPrefix: string,
  { MONGODB_URI = '', GATEKEEPER_MONGODB_URI = '' }: Record<string, string>,
): Promise<Record<string, string>> {
  if (CONNECT_SECRETS === undefined) return {};
  const file = join(CONNECT_SECRETS, `${topicPrefix}.properties`);
  await writeFile(file, properties({ clinic: MONGODB_URI, gatekeeper: GATEKEEPER_MONGODB_URI }), { mode: 0o600 });
  return {
    CONNECT_MONGODB_URI: `\${file:${file}:clinic}`,
    CONNECT_GATEKEEPER_MONGODB_URI: `\${file:${file}:gatekeeper}`,
  };
}

/** As `caregate directory-key generate` makes it; the libs that know tokens have tests that use this very stack. */
function newDirectoryKey() {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const text = (key: KeyObject) => JSON.stringify(key.export({ format: 'jwk' }));
  return { privateKey: text(privateKey), publicKey: text(publicKey) };
}

function shardNames(servers: Servers, id: string, prefix: string): Layout['shards'][number] {
  const database = `${prefix}clinic_${id}`;
  const gatekeeperDatabase = `${prefix}gatekeeper_${id}`;
  return {
    id,
    database,
    mongodbUri: servers.mongodbUriFor(database),
    gatekeeperDatabase,
    gatekeeperMongodbUri: servers.mongodbUriFor(gatekeeperDatabase),
    topicPrefix: `${prefix}${id}`,
  };
}

function platformOf(layout: Layout, apps: Map<string, App>, stop: Platform['stop']): Platform {
  const find = (name: AppName, shard?: string): App => {
    const app = [...apps.values()].find(
      (each) => each.name === name && (shard === undefined || each.env.SHARD_ID === shard),
    );
    if (!app) throw new StackError(`${name}${shard ? ` of ${shard}` : ''} was not started`);
    return app;
  };
  const shards = Object.fromEntries(
    layout.shards.map((names): [string, Shard] => [
      names.id,
      {
        ...names,
        get api() {
          return find('clinic-api', names.id);
        },
        get worker() {
          return find('clinic-worker', names.id);
        },
        get sync() {
          return find('gatekeeper-sync', names.id);
        },
      },
    ]),
  );
  return {
    get directory() {
      return find('directory');
    },
    directoryMongodbUri: layout.directoryMongodbUri,
    domain: layout.domain,
    shards,
    shard(id) {
      const shard = shards[id];
      if (!shard) throw new StackError(`there is no shard ${id} in this platform`);
      return shard;
    },
    apps: [...apps.values()],
    shardsFile: layout.shardsFile,
    directorySigningKey: layout.directorySigningKey,
    operatorToken: layout.operatorToken,
    stop,
  };
}

async function stopAll(apps: App[]): Promise<Record<string, number | null>> {
  return Object.fromEntries(await Promise.all(apps.map(async (app) => [app.label, await app.stop()] as const)));
}
