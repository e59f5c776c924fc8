import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { ConnectClient } from '@caregate/change-events';
import { eventually } from '@caregate/eventually';
import { startApp } from '@caregate/service';
import { randomBytes } from 'node:crypto';
import { gatekeeperSync } from '../src/app.ts';
import { database, removeConnectorsAndTopics, runningApp, type RunningApp, settingsOf } from './running-app.ts';

// Two shards that were configured alike: the second is told what to change, and touches nothing of the first.
let running: RunningApp;
const other = `t-${randomBytes(4).toString('hex')}`;
const others = [database(`clinic_${other}`), database(`gatekeeper_${other}`)] as const;
beforeAll(async () => {
  running = await runningApp();
}, 120_000);
afterAll(async () => {
  if (!running) return; // it was not ready in time
  for (const name of ['', '_uk'].flatMap((part) => [`clinic_${other}${part}`, `gatekeeper_${other}${part}`]))
    await running.clinic.useDb(name).dropDatabase();
  for (const prefix of [other, `${other}-uk`]) await removeConnectorsAndTopics(prefix);
  await running.close();
});

const connectors = async () =>
  Object.fromEntries(
    (await new ConnectClient(process.env['CONNECT_URL'] ?? '').connectors())
      .filter(({ name }) => name.startsWith(`${running.prefix}.`))
      .map(({ name, config }) => [name, config]),
  );

async function fault(app: NestFastifyApplication): Promise<string> {
  const { statusCode, payload } = await app.inject({ method: 'GET', url: '/ready' });
  return statusCode === 200 ? '' : JSON.parse(payload).message;
}

/** Starts the app beside the first, waits for what it says, and looks at what it left. */
async function refused(settings: Record<string, string>, message: RegExp): Promise<void> {
  const before = await connectors();
  expect(Object.keys(before).length).toBeGreaterThan(4);
  const { app } = await startApp(gatekeeperSync, settingsOf(running.prefix, settings));
  try {
    await eventually(async () => message.test(await fault(app)), `not ready: ${message}`);
    const service = { 'x-tidepool-session-token': running.service };
    if (settings['TOPIC_PREFIX'] !== undefined)
      expect((await app.inject({ url: '/access/1000000001', headers: service })).statusCode).not.toBe(200);
  } finally {
    await app.close();
  }
  expect(await connectors()).toEqual(before);
  expect((await running.ask('GET', '/ready')).statusCode).toBe(200);
}

test('another shard on the clinic database of this one', () =>
  refused(
    { SHARD_ID: 'uk1', TOPIC_PREFIX: other, GATEKEEPER_MONGODB_URI: others[1] },
    /mongodb: .*the database clinic_\S+ belongs to shard au1, as its clinic database, .* shard uk1: change MONGODB_URI or SHARD_ID/,
  ));

test('another clinic database on the gatekeeper database of this one', () =>
  refused(
    { TOPIC_PREFIX: other, MONGODB_URI: others[0] },
    /gatekeeper mongodb: .*the database gatekeeper_\S+ belongs to shard au1, .*: change GATEKEEPER_MONGODB_URI/,
  ));

test('a clinic database as the gatekeeper’s', () =>
  refused(
    { TOPIC_PREFIX: other, GATEKEEPER_MONGODB_URI: database(`clinic_${running.prefix}`) },
    /gatekeeper mongodb: .*belongs to shard au1, as its clinic database/,
  ));

test.each([
  ['another shard', 'uk1', /the topics \S+ on this Kafka belong to shard au1, .* change TOPIC_PREFIX/],
  ['another database of the same shard', 'au1', /the topics \S+ on this Kafka belong to another database of shard au1/],
])('%s with the topic prefix of this one', async (_, SHARD_ID, message) => {
  const name = `${other}_${SHARD_ID}`;
  const [clinic, gatekeeper] = [`clinic_${name}`, `gatekeeper_${name}`] as const;
  try {
    await refused({ SHARD_ID, MONGODB_URI: database(clinic), GATEKEEPER_MONGODB_URI: database(gatekeeper) }, message);
  } finally {
    for (const each of [clinic, gatekeeper]) await running.clinic.useDb(each).dropDatabase();
  }
});

test('a user platform’s topic that is this shard’s own', async () => {
  const theirs = {
    IDENTITY: 'http',
    IDENTITY_URL: 'http://127.0.0.1:1',
    USER_EVENTS_TOPIC: `${running.prefix}.user-events`,
  };
  await refused(
    {
      ...theirs,
      SHARD_ID: 'uk1',
      TOPIC_PREFIX: `${other}-uk`,
      MONGODB_URI: database(`clinic_${other}_uk`),
      GATEKEEPER_MONGODB_URI: database(`gatekeeper_${other}_uk`),
    },
    /the topic \S+ belongs to shard au1, whose users are not those of shard uk1: change USER_EVENTS_TOPIC/,
  );
});

test('a copy of this clinic database under another name', async () => {
  const name = `clinic_${other}_copy`;
  const copy = running.clinic.useDb(name);
  const owner = await running.clinic.collection('owner').findOne();
  if (!owner) throw new Error('nobody owns the database');
  await copy.collection('owner').insertOne(owner);
  try {
    await refused(
      { TOPIC_PREFIX: other, MONGODB_URI: database(name), GATEKEEPER_MONGODB_URI: others[1] },
      /mongodb: .*the database \S+ is a copy of the clinic database \S+ of shard au1: change MONGODB_URI/,
    );
  } finally {
    await copy.dropDatabase();
  }
});

test('a second copy of the same shard is served like the first', async () => {
  const { app } = await startApp(gatekeeperSync, settingsOf(running.prefix));
  try {
    await eventually(async () => (await fault(app)) === '', 'the copy is ready');
  } finally {
    await app.close();
  }
});
