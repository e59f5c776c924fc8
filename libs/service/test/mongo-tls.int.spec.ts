import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '@caregate/eventually';
import { type Certificates, makeCertificates, type Servers, startServers } from '@caregate/stack';
import { Module, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Connection } from 'mongoose';
import { createLogger, HealthChecks, inTransaction, LOGGER, MONGO, MongoModule } from '../src/index.ts';

// The module by which every app reaches MongoDB, and a mongod that speaks nothing but TLS.
const PASSWORD = 'correct-horse-1';
let folder: string;
let certificates: Certificates;
let servers: Servers;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'caregate-tls-'));
  certificates = await makeCertificates(folder);
  const user = { name: 'nobody', password: PASSWORD };
  servers = await startServers({ only: ['mongod'], env: {}, secured: { certificates, user } });
});
afterAll(async () => {
  await servers.stop();
  rmSync(folder, { recursive: true });
});

const apps: INestApplicationContext[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

/** What an app has of MongoDB at this address, and what it logs. */
async function reach(uri: string) {
  const logged: string[] = [];
  const logger = createLogger('test', 'trace', {}, { write: (line) => void logged.push(line) });
  @Module({
    imports: [MongoModule.forRoot({ uri, claim: async () => undefined })],
    providers: [{ provide: LOGGER, useValue: logger }, HealthChecks],
    exports: [LOGGER, HealthChecks],
  })
  class TestModule {}
  const app = await NestFactory.createApplicationContext(
    { module: TestModule, global: true },
    { logger: false, abortOnError: false },
  );
  apps.push(app);
  const readiness = () =>
    app
      .get(HealthChecks)
      .assertReady()
      .then(
        () => 'ready',
        (error: Error) => error.message,
      );
  return { connection: app.get<Connection>(MONGO), readiness, logged };
}

/** The address without what it says of TLS, with a user and password. */
function addressWith(options: Record<string, string>): string {
  const uri = new URL(servers.mongodbUriFor('clinic_au1'));
  uri.search = new URLSearchParams({ replicaSet: 'rs0', ...options }).toString();
  return uri.href.replace('//', `//clinic-api:${PASSWORD}@`);
}

test('with tls=true and the CA an app reaches it, and writes in a transaction', async () => {
  const uri = new URL(servers.mongodbUriFor('clinic_au1'));
  expect(uri.searchParams.get('tls')).toBe('true');
  const { connection, readiness } = await reach(uri.href);
  await eventually(async () => (await readiness()) === 'ready', 'it is ready');
  const clinics = connection.collection<{ _id: string; name: string }>('clinics');
  await inTransaction(connection, async (session) => {
    await clinics.insertOne({ _id: 'c1', name: 'Harbour' }, { session });
    await clinics.updateOne({ _id: 'c1' }, { $set: { name: 'Harbour Diabetes Centre' } }, { session });
  });
  expect(await clinics.findOne({ _id: 'c1' })).toEqual({ _id: 'c1', name: 'Harbour Diabetes Centre' });
  const { transportSecurity } = (await connection.db?.admin().command({ serverStatus: 1 })) ?? {};
  const connections = Object.values<unknown>(transportSecurity ?? {}).map(Number);
  expect(Math.max(...connections)).toBeGreaterThan(0);
});

test.each([
  ['no CA', () => addressWith({ tls: 'true' }), /nobody who is known vouches for its certificate.*tlsCAFile/],
  [
    'a file of a CA that is not there',
    () => addressWith({ tls: 'true', tlsCAFile: join(folder, 'none.pem') }),
    /a file that its address names \(tlsCAFile.*\(ENOENT\)/,
  ],
  ['no TLS', () => addressWith({}), /it closes the connection at once.*tls=true/],
  [
    'a user it does not know',
    () => addressWith({ tls: 'true', tlsCAFile: certificates.caFile }),
    /it refuses the user or password/,
  ],
])('with %s it is not ready and says what to do, and the password is nowhere', async (_what, uri, advice) => {
  const { connection, readiness, logged } = await reach(uri());
  await eventually(async () => advice.test(await readiness()), 'it says what to do');
  expect(logged.join('')).toMatch(advice);
  expect(connection.readyState).not.toBe(1);
  expect(logged.join('') + (await readiness())).not.toContain(PASSWORD);
});
