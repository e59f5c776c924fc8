import { MongoClient } from 'mongodb';
import { startServers, versions, type Servers } from '../src/index.ts';
import { isAlive } from './leftovers.ts';

let servers: Servers;
const lines: string[] = [];

beforeAll(async () => {
  servers = await startServers({ log: (line) => lines.push(line), env: {} });
}, 180_000);
afterAll(() => servers?.stop());

async function plugins(): Promise<unknown> {
  return (await fetch(`${servers.connectUrl}/connector-plugins`)).json();
}

test('says how long each took', () => {
  for (const name of ['mongod', 'kafka', 'connect', 'maildev']) {
    expect(lines).toContainEqual(
      expect.stringMatching(new RegExp(`^${name} is up on 127\\.0\\.0\\.1:\\d+ after \\d+\\.\\d s$`)),
    );
  }
});

test('the servers have the versions that are named', async () => {
  const client = new MongoClient(servers.mongodbUri);
  expect(await client.db('admin').command({ buildInfo: 1 })).toMatchObject({ version: versions.mongod });
  await client.close();
  expect(await (await fetch(servers.connectUrl)).json()).toMatchObject({ version: versions.kafka });
  expect(await plugins()).toEqual(
    ['MongoSinkConnector', 'MongoSourceConnector'].map((name) =>
      expect.objectContaining({ class: `com.mongodb.kafka.connect.${name}`, version: versions.mongoConnector }),
    ),
  );
});

test('mongod has transactions, and keeps its data and its port through a SIGKILL', async () => {
  const client = new MongoClient(servers.mongodbUriFor('clinic_au1'));
  const patients = client.db().collection<{ _id: string }>('patients');
  await client.withSession((session) => session.withTransaction(() => patients.insertOne({ _id: 'one' }, { session })));
  const { pid } = servers.mongod;
  await servers.mongod.kill();
  expect(servers.mongod.running).toBe(false);
  expect(isAlive(pid as number)).toBe(false);
  await servers.mongod.start();
  expect(await patients.findOne()).toEqual({ _id: 'one' });
  await client.close();
});

test('Kafka and Connect come back on the same ports after a SIGKILL', async () => {
  await Promise.all([servers.kafka.kill(), servers.connect.kill()]);
  await servers.kafka.start();
  await servers.connect.start();
  expect(await plugins()).toHaveLength(2);
}, 60_000);

test('a server is stopped in good order', async () => {
  await servers.maildev.stop();
  expect(servers.maildev.running).toBe(false);
  await servers.maildev.start();
  expect(await (await fetch(`${servers.mailWebUrl}/api/email`)).json()).toEqual([]);
});

test('a running server is taken as given by its variable', async () => {
  const second = await startServers({ only: ['mongod', 'maildev'], env: servers.env });
  expect(second.mongod.external).toBe(true);
  expect(second.mongodbUriFor('x')).toBe(servers.mongodbUriFor('x'));
  await second.stop();
  expect(servers.mongod.running).toBe(true);
});
