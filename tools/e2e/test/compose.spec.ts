import { readFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { versions } from '@caregate/stack';
import { parse } from 'yaml';
import { databaseUsers } from './database-users.ts';

interface Service {
  image?: string;
  build?: { context?: string; args?: Record<string, string> };
  environment?: Record<string, string>;
  command?: string[];
  volumes?: string[];
}

const root = join(import.meta.dirname, '../../..');
const read = async (file: string) => parse(await readFile(join(root, file), 'utf8'), { merge: true });
// The shape that the compose specification gives it.
const services = (await read('docker-compose.yml')).services as Record<string, Service>;

const SHARD_APPS = ['clinic-api', 'clinic-worker', 'gatekeeper-sync'];
const SHARDS = ['au1', 'uk1'];

test('the compose file names the servers in the versions that the embedded stack runs', () => {
  expect(services.mongod?.image).toBe(`mongo:${versions.mongod}`);
  expect(services.kafka?.image).toBe(`apache/kafka:${versions.kafka}`);
  expect(services.maildev?.image).toBe(`maildev/maildev:${versions.maildev}`);
  expect(services.connect?.build).toEqual({
    context: 'deploy/connect',
    args: { KAFKA_VERSION: versions.kafka, MONGO_CONNECTOR_VERSION: versions.mongoConnector },
  });
});

test.each(SHARDS.flatMap((shard) => SHARD_APPS.map((app) => [app, shard] as const)))(
  'it starts %s for %s from the Dockerfile, with the shard’s own databases',
  (app, shard) => {
    const service = services[`${app}-${shard}`];
    expect(service?.build).toEqual({ context: '.', args: { APP: app } });
    expect(existsSync(join(root, 'Dockerfile'))).toBe(true);
    expect(service?.environment?.SHARD_ID).toBe(shard);
    expect(service?.environment?.MONGODB_URI).toContain(`/clinic_${shard}?`);
    if (app === 'gatekeeper-sync') {
      expect(service?.environment?.GATEKEEPER_MONGODB_URI).toContain(`/gatekeeper_${shard}?`);
    }
    if (app !== 'clinic-api') {
      expect(service?.environment?.KAFKA_BROKERS).toBe('kafka:9092');
    }
  },
);

test('operators have a token there, and Kafka writes where its volume is', () => {
  expect(services.directory?.environment?.OPERATOR_TOKEN).toBe('${SECRET}-operator');
  expect(services.kafka?.volumes).toContain(`kafka:${services.kafka?.environment?.KAFKA_LOG_DIRS}`);
});

test('the README starts it with the secret that it asks for', async () => {
  expect(await readFile(join(root, 'README.md'), 'utf8')).toMatch(/SECRET=\$\(.*\) docker compose up --build/);
});

test('it starts one directory, which knows just these shards', async () => {
  expect(services.directory?.build).toEqual({ context: '.', args: { APP: 'directory' } });
  const { shards } = (await read('deploy/shards.yaml')) as { shards: { id: string }[] };
  expect(shards.map(({ id }) => id)).toEqual(SHARDS);
});

test.each(SHARDS)('the connectors of %s refer to addresses that only Kafka Connect has', async (shard) => {
  const sync = services[`gatekeeper-sync-${shard}`]?.environment ?? {};
  const connect = services.connect?.environment ?? {};
  for (const setting of ['MONGODB_URI', 'GATEKEEPER_MONGODB_URI']) {
    const name = /^\$\$\{env:(CAREGATE_[A-Z0-9_]+)\}$/.exec(sync[`CONNECT_${setting}`] ?? '')?.[1] ?? ''; // $$ is a dollar there
    expect(connect[name]).toBe(sync[setting]);
  }
  const properties = await readFile(join(root, 'deploy/connect/connect.properties'), 'utf8');
  expect(properties).toContain('config.providers=env\n');
  expect(properties).toContain('config.providers.env.param.allowlist.pattern=^CAREGATE_[A-Z0-9_]+$\n');
});

test('only the directory has the private key by which it is known, and each clinic API the public one', () => {
  const having = (volume: string) =>
    Object.entries(services).flatMap(([name, { volumes = [] }]) =>
      volumes.some((each) => each.startsWith(`${volume}:`)) && name !== 'directory-key' ? [name] : [],
    );
  expect(having('directory-key')).toEqual(['directory']);
  expect(having('directory-public-key')).toEqual(SHARDS.map((shard) => `clinic-api-${shard}`));
  expect(services.directory?.environment?.DIRECTORY_SIGNING_KEY_FILE).toBe('/etc/directory-key/key');
  for (const shard of SHARDS)
    expect(services[`clinic-api-${shard}`]?.environment?.DIRECTORY_PUBLIC_KEYS_FILE).toBe(
      '/etc/directory-public-key/key',
    );
});

describe('its MongoDB', () => {
  const SECRET = '${SECRET}'; // as the compose file writes it
  const addresses = Object.entries(services).flatMap(([service, { environment = {} }]) =>
    Object.entries(environment).flatMap(([name, value]) =>
      /^(GATEKEEPER_)?MONGODB_URI$/.test(name) ? [[service, name, value] as const] : [],
    ),
  );

  test('asks for passwords, and makes its users with the script', async () => {
    expect(services.mongod?.command).toEqual(expect.arrayContaining(['--keyFile', '/etc/mongod-key/key']));
    expect(services.mongod?.volumes).toEqual(
      expect.arrayContaining(['mongod-key:/etc/mongod-key:ro', './deploy/mongo:/docker-entrypoint-initdb.d:ro']),
    );
    expect(services.mongod?.environment?.MONGO_INITDB_ROOT_PASSWORD).toBe(`${SECRET}-mongo-root`);
    expect(services['mongod-key']?.image).toBe(services.mongod?.image);
    expect(services.mongod?.environment?.SHARDS).toBe(SHARDS.join(','));

    const made: unknown[] = [];
    const database = (name: string) => ({ createUser: (user: unknown) => made.push([name, user]) });
    runInNewContext(await readFile(join(root, 'deploy/mongo/users.js'), 'utf8'), {
      require: (path: string) => path === '/docker-entrypoint-initdb.d/roles.cjs' && databaseUsers,
      process: { env: { ...services.mongod?.environment } },
      db: { getSiblingDB: database },
    });
    expect(made).toEqual(databaseUsers.usersOf(SHARDS, SECRET).map((user) => ['admin', user]));
    expect(made).toHaveLength(1 + SHARDS.length * SHARD_APPS.length);
  });

  test('is reached by every app with a database', () => {
    expect(new Set(addresses.map(([service]) => service))).toEqual(
      new Set(['directory', ...SHARDS.flatMap((shard) => SHARD_APPS.map((app) => `${app}-${shard}`))]),
    );
    expect(addresses).toHaveLength(1 + SHARDS.length * (SHARD_APPS.length + 1));
  });

  test.each(addresses)('is reached by %s (%s) with the user of its own, who may write there', (service, _, uri) => {
    const user = databaseUsers.usersOf(SHARDS, SECRET).find((each) => each.user === service);
    const database = /\/(\w+)\?/.exec(uri)?.[1];
    expect(uri).toBe(`mongodb://${service}:${user?.pwd}@mongod:27017/${database}?replicaSet=rs0&authSource=admin`);
    expect(user?.roles).toContainEqual({ role: 'readWrite', db: database });
  });
});
