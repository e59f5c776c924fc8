import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newDirectoryKey } from '@caregate/identity/directory-token';
import { oldestNode } from '@caregate/stack';

const dist = join(import.meta.dirname, '../../../dist/apps');

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** Starts a built app with just these settings and waits until it has ended by itself. */
const runToEnd = (app: string, env: Record<string, string>, nodeOptions: readonly string[] = []): Promise<Ended> =>
  ended([...nodeOptions, join(dist, app, 'main.js')], env);

function ended(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const child = spawn(process.execPath, args, { env: { PATH: process.env.PATH ?? '', ...env } });
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

const programs = [
  ...['clinic-api', 'clinic-worker', 'gatekeeper-sync', 'directory'].map(
    (app) => [app, join(dist, app, 'main.js')] as const,
  ),
  ['caregate', join(import.meta.dirname, '../../caregate/bin/caregate.mjs')] as const,
];

test.each(programs)('%s tells its version', async (name, program) => {
  const { version } = JSON.parse(await readFile(join(import.meta.dirname, '../../../package.json'), 'utf8'));
  expect(await ended([program, '--version'])).toEqual({ code: 0, output: `${name} ${version}\n` });
});

describe('a Node.js that is too old', () => {
  /** Gives out this Node.js for another one. */
  const asNode = (version: string) => [
    '--import',
    `data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'${version}'}})`,
  ];
  test.each(programs)('is refused by %s in one line', async (name, program) => {
    for (const version of ['20.19.5', '22.17.1']) {
      const { code, output } = await ended([...asNode(version), program, '--help']);
      expect(output).toBe(
        `${name}: cannot start: this is Node.js ${version}, and ${oldestNode.version} or newer is needed\n`,
      );
      expect(code).toBe(1);
    }
  });

  test.each(programs)('is no other than one that package.json leaves out: %s', async (_name, program) => {
    for (const version of [oldestNode.version, '26.0.0'])
      expect(await ended([...asNode(version), program, '--help'])).toMatchObject({
        code: 0,
        output: expect.stringContaining('Usage: '),
      });
  });
});
