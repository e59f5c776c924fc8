import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { newDirectoryKey } from '@caregate/identity/directory-token';

const dist = join(import.meta.dirname, '../../../dist/apps');

/** Starts a built app with just these settings and waits until it has ended by itself. */
function runToEnd(app: string, env: Record<string, string>): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [join(dist, app, 'main.js')], {
    env: { PATH: process.env.PATH ?? '', ...env },
  });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  return new Promise((resolve) => child.once('exit', (code) => resolve({ code, output })));
}

const GOOD = {
  SHARD_ID: 'au1',
  MONGODB_URI: 'mongodb://127.0.0.1:1/clinic_au1',
  IDENTITY_SECRET: 'x'.repeat(32),
  KAFKA_BROKERS: '127.0.0.1:1',
};
const WORKER = { ...GOOD, SMTP_URL: 'smtp://127.0.0.1:1', MAIL_FROM: 'Caregate <no-reply@example.test>' };
const SYNC = {
  ...GOOD,
  CONNECT_URL: 'http://127.0.0.1:1',
  GATEKEEPER_MONGODB_URI: 'mongodb://127.0.0.1:1/gatekeeper_au1',
};

const PRIVATE = newDirectoryKey().privateKey;
const DIRECTORY = { ...GOOD, SHARDS_FILE: '/no/such/file.yaml' };

test.each<readonly [string, Record<string, string>, RegExp]>([
  ['clinic-api', { ...GOOD, MONGODB_URI: '' }, /MONGODB_URI/],
  ['clinic-api', { ...GOOD, MONGODB_URI: 'mongodb://127.0.0.1:1' }, /MONGODB_URI/],
  ['clinic-api', { ...GOOD, SHARD_ID: 'AU1' }, /SHARD_ID/],
  ['clinic-api', { ...GOOD, SHARD_ID: '' }, /SHARD_ID is needed/],
  ['clinic-worker', { ...WORKER, SHARD_ID: '' }, /: SHARD_ID is needed/],
  ['gatekeeper-sync', { ...SYNC, SHARD_ID: '' }, /: SHARD_ID is needed/],
  ['clinic-worker', { ...WORKER, USER_EVENTS_TOPIC: 'user-events' }, /USER_EVENTS_TOPIC is only for IDENTITY=http/],
  ['gatekeeper-sync', { ...SYNC, USER_EVENTS_TOPIC: 'user-events' }, /USER_EVENTS_TOPIC is only for IDENTITY=http/],
  ['clinic-api', { ...GOOD, PORT: 'http' }, /PORT/],
  ['clinic-api', { ...GOOD, IDENTITY: 'http' }, /IDENTITY_URL/],
  ['clinic-api', { ...GOOD, IDENTITY_SECRET: 'short' }, /IDENTITY_SECRET/],
  ['clinic-api', { ...GOOD, DIRECTORY_PUBLIC_KEYS: 'x' }, /DIRECTORY_PUBLIC_KEYS must be Ed25519 public keys/],
  ['clinic-api', { ...GOOD, DIRECTORY_PUBLIC_KEYS: PRIVATE }, /DIRECTORY_PUBLIC_KEYS holds a private key/],
  ...['clinic-api', 'clinic-worker', 'gatekeeper-sync', 'directory'].map(
    (app) =>
      [app, { ...GOOD, PROVISIONING_SECRET: 'x'.repeat(32) }, /PROVISIONING_SECRET is not used any more/] as const,
  ),
  ['clinic-worker', { ...GOOD, KAFKA_BROKERS: '' }, /KAFKA_BROKERS/],
  ['clinic-worker', { ...GOOD, SMTP_URL: 'not an address' }, /SMTP_URL/],
  ['gatekeeper-sync', { ...GOOD }, /CONNECT_URL|GATEKEEPER_MONGODB_URI/],
  ['directory', DIRECTORY, /DIRECTORY_SIGNING_KEY is needed/],
  ['directory', { ...DIRECTORY, DIRECTORY_SIGNING_KEY: PRIVATE }, /SHARDS_FILE/],
])('%s says in one line what is wrong with its settings, and ends: %j', async (app, env, named) => {
  const { code, output } = await runToEnd(app, env);
  const lines = output.trim().split('\n');
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(named);
  expect(lines[0]).toMatch(new RegExp(`^${app}: cannot start: `));
  expect(code).toBe(1);
});
