import { createServer, type AddressInfo, type Server } from 'node:net';
import { readFile, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parse } from 'yaml';
import { stubDist } from '../../test/stub-dist.ts';
import { stateFolder } from '../places.ts';
import { host } from '../process/ports.ts';
import { startServers, type Servers } from '../servers/start-servers.ts';
import { startApp, type App } from './app.ts';
import { startShards, type Platform } from './platform.ts';

// Servers are only given here, so that nothing heavy is started: the apps are stubs.
let given: Server;
let servers: Servers;
let dist: string;

beforeAll(async () => {
  given = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => given.listen(0, host, resolve));
  const address = `${host}:${(given.address() as AddressInfo).port}`;
  const running = await startServers({
    only: ['kafka', 'maildev'],
    env: { KAFKA_BROKERS: address, SMTP_URL: `smtp://${address}` },
  });
  const mongodbUriFor = (database: string) => `mongodb://${host}:1/${database}?replicaSet=rs0`;
  servers = Object.create(running, {
    mongodbUriFor: { value: mongodbUriFor },
    env: { value: { ...running.env, CONNECT_URL: 'http://connect.example' } },
  }) as Servers;
  dist = await stubDist();
});
afterAll(async () => {
  await servers.stop();
  given.close();
  await rm(dist, { recursive: true });
});

async function settingsOf(app: App): Promise<Record<string, string>> {
  return (await fetch(`${app.url}/settings`)).json() as Promise<Record<string, string>>;
}

describe('an app', () => {
  test('is started on a free port, stopped with exit code 0, and started again', async () => {
    const app = await startApp({ name: 'directory', dist, env: { GREETING: 'hi' } });
    expect(await settingsOf(app)).toMatchObject({ GREETING: 'hi', HOST: host, PORT: String(app.port) });
    expect(await app.stop()).toBe(0);
    await app.start();
    expect(app.running).toBe(true);
    await app.kill();
    expect(app.pid).toBeUndefined();
  });

  test('keeps its log, and where it lies, from other users of the machine', async () => {
    const app = await startApp({ name: 'directory', dist, env: {} });
    for (const place of [app.logFile, dirname(app.logFile), stateFolder])
      expect([place, (await stat(place)).mode & 0o077]).toEqual([place, 0]);
    await app.kill();
  });

  test('gets nothing of the test runner and of the terminal but what it needs', async () => {
    const app = await startApp({ name: 'directory', dist, env: {} });
    const settings = await settingsOf(app);
    expect(settings.PATH).toBe(process.env.PATH);
    expect(settings).not.toHaveProperty('JEST_WORKER_ID');
    expect(settings).not.toHaveProperty('NODE_OPTIONS');
    await app.kill();
  });

  test('that ends while it starts is told with its last log lines', async () => {
    await expect(startApp({ name: 'directory', dist, env: { BROKEN: 'no MONGODB_URI' } })).rejects.toThrow(
      /^directory ended at once \(exit code 1\)\n.*cannot start: no MONGODB_URI$/s,
    );
  });

  test('that is not built is told so', async () => {
    await expect(startApp({ name: 'nothing', dist, env: {} })).rejects.toThrow(
      /^nothing is not built: .* is missing; run make build$/,
    );
  });
});

describe('a platform', () => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await startShards(servers, {
      shards: ['au1', 'uk1'],
      prefix: 't1_',
      dist,
      env: (app, shard) => ({ EXTRA: `${app} ${shard}` }),
    });
  });

  test('has three apps a shard and one directory', () => {
    expect(platform.apps.map(({ label }) => label).sort()).toEqual([
      't1_clinic-api-au1',
      't1_clinic-api-uk1',
      't1_clinic-worker-au1',
      't1_clinic-worker-uk1',
      't1_directory',
      't1_gatekeeper-sync-au1',
      't1_gatekeeper-sync-uk1',
    ]);
  });

  test('gives each app its settings', async () => {
    const { api, worker, sync } = platform.shard('uk1');
    const common = {
      SHARD_ID: 'uk1',
      DOMAIN: 'localhost',
      MONGODB_URI: `mongodb://${host}:1/t1_clinic_uk1?replicaSet=rs0`,
    };
    expect(await settingsOf(api)).toMatchObject({
      ...common,
      IDENTITY: 'local',
      IDENTITY_SECRET: expect.stringMatching(/^[0-9a-f]{64}$/),
      DIRECTORY_PUBLIC_KEYS: expect.not.stringContaining('"d":'),
      EXTRA: 'clinic-api uk1',
    });
    expect(await settingsOf(worker)).toMatchObject({
      ...common,
      IDENTITY_SECRET: api.env.IDENTITY_SECRET,
      KAFKA_BROKERS: servers.env.KAFKA_BROKERS,
      TOPIC_PREFIX: 't1_uk1',
      SMTP_URL: servers.smtpUrl,
      MAIL_FROM: expect.stringContaining('@'),
    });
    expect(await settingsOf(sync)).toMatchObject({
      ...common,
      TOPIC_PREFIX: 't1_uk1',
      CONNECT_URL: 'http://connect.example',
      GATEKEEPER_MONGODB_URI: `mongodb://${host}:1/t1_gatekeeper_uk1?replicaSet=rs0`,
    });
    expect(platform.shard('au1').api.env.IDENTITY_SECRET).not.toBe(api.env.IDENTITY_SECRET);
  });

  test('tells the directory where the shards are', async () => {
    const settings = await settingsOf(platform.directory);
    expect(settings).not.toHaveProperty('SHARD_ID');
    expect(settings).toMatchObject({
      DEFAULT_SHARD: 'au1',
      EXTRA: 'directory undefined',
      DIRECTORY_SIGNING_KEY: platform.directorySigningKey,
    });
    expect(settings.MONGODB_URI).toContain('/t1_directory?');
    const { shards, regions } = parse(await readFile(settings.SHARDS_FILE as string, 'utf8')) as Record<
      string,
      { id: string; apiUrl: string }[]
    >;
    expect(regions?.map(({ id }) => id)).toEqual(['au', 'uk']);
    expect(shards?.map(({ id, apiUrl }) => [id, apiUrl])).toEqual(
      ['au1', 'uk1'].map((id) => [id, platform.shard(id).api.url]),
    );
  });

  test('knows only its own shards', () => {
    expect(() => platform.shard('us1')).toThrow('there is no shard us1 in this platform');
  });

  test('is stopped with exit code 0 everywhere', async () => {
    expect(new Set(Object.values(await platform.stop()))).toEqual(new Set([0]));
    expect(platform.apps.some(({ running }) => running)).toBe(false);
  });

  test('is stopped whole when one app does not start', async () => {
    const before = platform.apps.length;
    const lines: string[] = [];
    const env = (app: string) => (app === 'gatekeeper-sync' ? { BROKEN: 'no Connect' } : {}) as Record<string, string>;
    await expect(startShards(servers, { shards: ['au1'], dist, env, log: (line) => lines.push(line) })).rejects.toThrow(
      /^gatekeeper-sync-au1 ended at once .*no Connect$/s,
    );
    expect(before).toBe(7);
    for (const line of lines) {
      const url = /http:\S+/.exec(line)?.[0] as string;
      await expect(fetch(url)).rejects.toThrow();
    }
  });
});
