import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { eventually } from '@caregate/eventually';
import { startApp } from '@caregate/service';
import { clinicApi } from '../src/app.ts';
import { type Harness, startHarness } from './harness.ts';

// Two shards that were configured alike must not meet in one database.
let au1: Harness;
let app: NestFastifyApplication;
beforeAll(async () => {
  au1 = await startHarness({ SHARD_ID: 'au1' });
});
afterAll(() => au1.close());
afterEach(() => app?.close());

const started = async (SHARD_ID: string) =>
  (
    await startApp(clinicApi, {
      SHARD_ID,
      MONGODB_URI: au1.uri,
      LOG_LEVEL: 'fatal',
      IDENTITY: 'local',
      IDENTITY_SECRET: 'a'.repeat(32),
      PORT: '0',
    })
  ).app;
const get = (url: string) => app.inject({ url });

test('an app of another shard is not ready on this database, says what to change, and serves nothing from it', async () => {
  app = await started('uk1');
  await eventually(async () => /belongs to shard au1/.test((await get('/ready')).payload), 'not ready');
  const answer = await get('/ready');
  expect(answer.statusCode).toBe(503);
  expect(answer.json().message).toMatch(
    /mongodb: not connected yet: the database \S+ belongs to shard au1, as its clinic database, and this app is started for shard uk1: change MONGODB_URI or SHARD_ID$/,
  );
  const credentials = { email: 'somebody@example.test', password: 'some password' };
  const signIn = await app.inject({ method: 'POST', url: '/caregate/v1/sessions', payload: credentials });
  expect(signIn.statusCode).toBe(503);
});

test('another copy of this shard is ready', async () => {
  app = await started('au1');
  await eventually(async () => (await get('/ready')).statusCode === 200, 'ready');
});
