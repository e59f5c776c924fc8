import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { call, eventually, session } from '@caregate/demo';
import { freePort, installMongod, type Platform, type Servers, startServers, startShards } from '@caregate/stack';
import { Kafka, logLevel } from 'kafkajs';
import { MongoClient } from 'mongodb';
import { databaseUsers } from './database-users.ts';
import { leaveNothing } from './leave-nothing.ts';
import { messagesSince } from './messages-since.ts';
import { openPractice } from './practice.ts';

// Each app with the user that docs/operations.md ("Hardening") gives it, on a mongod that asks everybody who they are.
const prefix = `du${randomBytes(3).toString('hex')}_`;
const [clinic, gatekeeper, directory] = [`${prefix}clinic_au1`, `${prefix}gatekeeper_au1`, `${prefix}directory`];
const ROLES = databaseUsers.rolesOf({ clinic, gatekeeper, directory });
const PASSWORD = randomBytes(12).toString('hex');

const begin = Date.now();
let folder: string;
let mongod: ChildProcess;
let port: number;
let root: MongoClient;
let servers: Servers;
let platform: Platform;

const uriFor = (user: string, database: string) =>
  `mongodb://${user}:${PASSWORD}@127.0.0.1:${port}/${database}?replicaSet=rs0&authSource=admin`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caregate-users-'));
  await startMongod();
  // A Connect that was given resolves references only where it says from which folder.
  const connect = process.env['CONNECT_SECRETS'] ? {} : { CONNECT_URL: '' };
  servers = await startServers({ env: { ...process.env, ...connect, MONGODB_URI: uriFor('root', '') } });
  platform = await startShards(servers, {
    shards: ['au1'],
    prefix,
    env: (app) => ({
      MONGODB_URI: uriFor(app, app === 'directory' ? directory : clinic),
      ...(app === 'gatekeeper-sync' && { GATEKEEPER_MONGODB_URI: uriFor(app, gatekeeper) }),
    }),
  });
}, 180_000);
afterAll(async () => {
  await platform?.stop();
  if (servers) await leaveNothing(servers, prefix);
  await servers?.stop();
  await root?.close();
  if (mongod) {
    const ended = once(mongod, 'exit');
    mongod.kill('SIGKILL');
    await ended;
  }
  await rm(folder, { recursive: true, force: true });
}, 60_000);

/** A replica set of one that asks for passwords; `root` may do everything, the apps what their roles say. */
async function startMongod(): Promise<void> {
  port = await freePort();
  const [key, data] = [join(folder, 'key'), join(folder, 'data')];
  await writeFile(key, randomBytes(256).toString('base64'), { mode: 0o600 });
  await mkdir(data);
  mongod = spawn(
    await installMongod({ log: () => undefined }),
    [
      ...['--replSet', 'rs0', '--keyFile', key, '--bind_ip', '127.0.0.1', '--port', String(port), '--dbpath', data],
      ...['--nounixsocket', '--oplogSize', '64', '--wiredTigerCacheSizeGB', '0.25'],
    ],
    { stdio: 'ignore' },
  );
  // Until there is a user, whoever is on the same machine may make the first one.
  const first = await MongoClient.connect(`mongodb://127.0.0.1:${port}/?directConnection=true`);
  const admin = first.db('admin');
  const members = [{ _id: 0, host: `127.0.0.1:${port}` }];
  await admin.command({ replSetInitiate: { _id: 'rs0', members } });
  await eventually('it is primary', async () => (await admin.command({ hello: 1 }))['isWritablePrimary'] === true);
  await admin.command({ createUser: 'root', pwd: PASSWORD, roles: ['root'] });
  await first.close();
  root = await MongoClient.connect(uriFor('root', ''));
  for (const [createUser, roles] of Object.entries(ROLES))
    await root.db('admin').command({ createUser, pwd: PASSWORD, roles });
}

test('with no more than these roles all apps are ready, and a change goes all the way', async () => {
  const shard = platform.shard('au1');
  const practice = await openPractice(shard, `${prefix.slice(0, -1)}-harbour`);
  const { status, body } = await call({
    method: 'POST',
    url: `${shard.api.url}/v1/clinics/${practice.clinicId}/patients`,
    headers: session(practice.token),
    body: { fullName: 'Pat Patient', birthDate: '1990-01-01' },
  });
  expect(status).toBe(200);
  const { id: userId } = body as { id: string }; // as the contract says
  const rows = root.db(gatekeeper).collection('patient_permissions');
  await eventually('the gatekeeper knows', async () => (await rows.findOne({ userId })) !== null, 60_000);
  const reactions = root.db(clinic).collection('reactions');
  await eventually('the worker reacts', async () => (await reactions.findOne({ state: 'done' })) !== null, 60_000);
}, 150_000);

test('neither Kafka Connect’s interface nor any topic shows a password of the database', async () => {
  const { body } = await call({ url: `${servers.connectUrl}/connectors?expand=info` });
  const ours = Object.entries(body as object).filter(([name]) => name.startsWith(prefix)); // connectors by name
  expect(ours.length).toBeGreaterThan(5);
  const which = (text: string) => ours.filter(([, told]) => JSON.stringify(told).includes(text)).map(([name]) => name);
  expect(which(PASSWORD)).toEqual([]);
  expect(which('${file:')).toHaveLength(ours.length);
  const kafka = new Kafka({ brokers: servers.kafkaBrokers.split(','), logLevel: logLevel.NOTHING });
  const messages = await messagesSince(kafka, begin);
  expect(messages.some(({ text }) => text.includes('${file:'))).toBe(true); // Connect's topic of configurations is among them
  expect(messages.filter(({ text }) => text.includes(PASSWORD)).map(({ topic }) => topic)).toEqual([]);
}, 150_000);

test.each<readonly [user: string, database: string]>([
  ['clinic-api', gatekeeper],
  ['clinic-api', directory],
  ['clinic-worker', gatekeeper],
  ['clinic-worker', directory],
  ['gatekeeper-sync', directory],
  ['directory', clinic],
  ['directory', gatekeeper],
  ...Object.keys(ROLES).map((app) => [app, 'admin'] as const),
  ...Object.keys(ROLES).map((app) => [app, `${prefix}clinic_uk1`] as const),
])('the user of %s can neither read nor write %s', async (user, database) => {
  const client = await MongoClient.connect(uriFor(user, ''));
  const collection = client.db(database).collection('patients');
  await expect(collection.findOne()).rejects.toThrow(/not authorized/);
  await expect(collection.insertOne({})).rejects.toThrow(/not authorized/);
  await client.close();
});
