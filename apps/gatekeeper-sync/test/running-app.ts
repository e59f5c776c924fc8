import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { eventually } from '@caregate/eventually';
import { ConnectClient } from '@caregate/change-events';
import { IdentityService, prepareLocalIdentity } from '@caregate/identity';
import { startApp } from '@caregate/service';
import kafkajs from 'kafkajs';
import { type Connection, createConnection } from 'mongoose';
import { randomBytes } from 'node:crypto';
import { gatekeeperSync } from '../src/app.ts';

/** The app on the real servers, with a prefix and databases of the test's own. */
export interface RunningApp {
  readonly app: NestFastifyApplication;
  readonly prefix: string;
  readonly clinic: Connection;
  readonly gatekeeper: Connection;
  /** The session token of a service. */
  readonly service: string;
  ask(
    method: 'GET' | 'POST',
    url: string,
    token?: string,
    body?: unknown,
  ): ReturnType<NestFastifyApplication['inject']>;
  /** Ends the app and removes everything of this prefix. */
  close(): Promise<void>;
}

/** Of the app with topics and databases named by a prefix. */
export function settingsOf(prefix: string, settings: Record<string, string> = {}): NodeJS.ProcessEnv {
  return {
    ...process.env,
    SHARD_ID: 'au1',
    PORT: '0',
    HOST: '127.0.0.1',
    LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'silent',
    MONGODB_URI: database(`clinic_${prefix}`),
    GATEKEEPER_MONGODB_URI: database(`gatekeeper_${prefix}`),
    TOPIC_PREFIX: prefix,
    TOPIC_PARTITIONS: '3',
    RECONCILE_SECONDS: '1',
    IDENTITY: 'local',
    IDENTITY_SECRET: 'a'.repeat(32),
    ...settings,
  };
}

export async function runningApp(settings: Record<string, string> = {}): Promise<RunningApp> {
  const prefix = `t-${randomBytes(4).toString('hex')}`;
  const [clinicUri, gatekeeperUri] = [database(`clinic_${prefix}`), database(`gatekeeper_${prefix}`)];
  const clinic = await createConnection(clinicUri).asPromise();
  const gatekeeper = await createConnection(gatekeeperUri).asPromise();
  await prepareLocalIdentity(clinic);
  const { app } = await startApp(gatekeeperSync, settingsOf(prefix, settings));
  const ask: RunningApp['ask'] = (method, url, token, body) =>
    app.inject({
      method,
      url,
      headers: {
        ...(token !== undefined && { 'x-tidepool-session-token': token }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { payload: JSON.stringify(body) }),
    });
  await eventually(async () => (await ask('GET', '/ready')).statusCode === 200, 'the app is ready');
  const service = await app.get(IdentityService).serviceToken('test');
  const close = async () => {
    await app.close();
    await removeConnectorsAndTopics(prefix);
    for (const connection of [clinic, gatekeeper]) {
      await connection.dropDatabase();
      await connection.close();
    }
  };
  return { app, prefix, clinic, gatekeeper, service, ask, close };
}

/** Of a prefix. */
export async function removeConnectorsAndTopics(prefix: string): Promise<void> {
  const connect = new ConnectClient(setting('CONNECT_URL'));
  for (const { name } of await connect.connectors()) if (name.startsWith(`${prefix}.`)) await connect.remove(name);
  const admin = new kafkajs.Kafka({
    brokers: setting('KAFKA_BROKERS').split(','),
    logLevel: kafkajs.logLevel.NOTHING,
  }).admin();
  await admin.connect();
  await admin.deleteTopics({ topics: (await admin.listTopics()).filter((name) => name.startsWith(`${prefix}.`)) });
  await admin.disconnect();
}

function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: integration tests need the real servers (make test starts them)`);
  return value;
}

export function database(name: string): string {
  const url = new URL(setting('MONGODB_URI'));
  url.pathname = `/${name}`;
  return url.href;
}
