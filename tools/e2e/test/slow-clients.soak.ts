// The long form, for `make prove`: strangers keep each app waiting, in all ways, by 10, 100 and 5 000 connections, from one address and from
// many, with a key and without, while good callers call. It starts servers of its own, unless SLOW_ON_OURS says to use those of the environment:
//   node --experimental-vm-modules node_modules/jest/bin/jest.js --config jest.config.mjs --rootDir tools/e2e --runInBand \
//     --testMatch "**/slow-clients.soak.ts" --testTimeout 7200000
// SLOW_SECONDS is how long each attack lasts once it has begun (3). 5 000 connections need `ulimit -n` of 20 000.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type App, type AppName, type Platform, type Servers, startServers, startShards } from '@caregate/stack';
import { leaveNoDatabases } from './leave-nothing.ts';
import { callWell, type GoodCall, type Got } from './overload/good-callers.ts';
import { type Attack, type Way, WAYS } from './overload/strangers.ts';
import { openPractice, type Practice } from './practice.ts';

const { SLOW_SECONDS = '3', SLOW_ON_OURS, SLOW_DIST: dist } = process.env;
const SECONDS = Number(SLOW_SECONDS);
const DOMAIN = 'localhost';
const SESSION = 'x-tidepool-session-token';
const prefix = `slow${randomBytes(3).toString('hex')}_`;

let servers: Servers;
let platform: Platform;
let practice: Practice;
/** Of another account, as strangers with a key are: a key's requests are limited by itself. */
let strangers: Practice;
beforeAll(async () => {
  servers = await startServers(SLOW_ON_OURS ? {} : { env: {} });
  const only: AppName[] = ['clinic-api', 'gatekeeper-sync', 'directory'];
  const env = (app: AppName): Record<string, string> =>
    app === 'directory' ? { UNSHARDED_MODE: 'proxy' } : app === 'clinic-api' ? { TRUSTED_PROXIES: '127.0.0.1' } : {};
  platform = await startShards(servers, {
    shards: ['au1'],
    domain: DOMAIN,
    only,
    prefix,
    env,
    ...(dist !== undefined && { dist }),
  });
  practice = await openPractice(platform.shard('au1'), `${prefix.slice(0, -1)}-harbour`);
  strangers = await openPractice(platform.shard('au1'), `${prefix.slice(0, -1)}-strangers`);
}, 300_000);
afterAll(async () => {
  await platform?.stop();
  await leaveNoDatabases(servers, prefix);
  await servers?.stop();
});

/** An app under attack: where, as whom it is called, and what strangers ask it for. */
interface Target {
  readonly app: App;
  readonly host: string;
  readonly path: string;
  readonly writesTo: string;
  readonly token: string;
  readonly good: readonly GoodCall[];
}

const TARGETS: Readonly<Record<string, () => Target>> = {
  'clinic-api': () => clinicApi(platform.shard('au1').api, 'localhost'),
  'directory as a proxy': () => clinicApi(platform.directory, `api.${DOMAIN}`),
  directory: () => ({
    app: platform.directory,
    host: 'localhost',
    path: '/caregate/v1/regions',
    writesTo: '/sign-up',
    token: strangers.token,
    good: [{ url: `${platform.directory.url}/caregate/v1/regions`, headers: {} }],
  }),
  'gatekeeper-sync': () => ({
    app: platform.shard('au1').sync,
    host: 'localhost',
    path: '/access/0000000001',
    writesTo: '/access/0000000001/0000000002',
    token: strangers.serviceToken,
    good: [
      { url: `${platform.shard('au1').sync.url}/access/0000000001`, headers: { [SESSION]: practice.serviceToken } },
    ],
  }),
};

function clinicApi(app: App, host: string): Target {
  const path = `/v1/clinics/${practice.clinicId}`;
  const headers = { host, [SESSION]: practice.token, 'content-type': 'application/json' };
  const body = () => JSON.stringify({ fullName: `Pat ${randomBytes(4).toString('hex')}`, birthDate: '1990-01-01' });
  return {
    app,
    host,
    path: `/v1/clinics/${strangers.clinicId}`,
    writesTo: `/v1/clinics/${strangers.clinicId}/patients`,
    token: strangers.token,
    good: [
      { url: `${app.url}${path}`, headers },
      { url: `${app.url}${path}/patients`, method: 'POST', headers, body },
    ],
  };
}

async function attack(it: Attack): Promise<ChildProcess> {
  const program = join(import.meta.dirname, 'overload/strangers.ts');
  const child = spawn(process.execPath, [program, JSON.stringify(it)], { stdio: ['ignore', 'pipe', 'inherit'] });
  if (child.stdout) await once(child.stdout, 'data');
  return child;
}

interface Crowd {
  readonly connections: number;
  readonly addresses: number;
}

const NOBODY: Crowd = { connections: 0, addresses: 1 };
const crowds: readonly Crowd[] = [
  { connections: 10, addresses: 1 },
  { connections: 100, addresses: 1 },
  { connections: 5_000, addresses: 1 },
  { connections: 5_000, addresses: 5_000 },
];

/** Headers that do not end say nothing of a key. */
const cases = WAYS.flatMap((way) => [
  ...(way === 'slow headers' ? [] : [[way, 'with a key'] as const]),
  [way, 'without a key'] as const,
]);

describe.each(Object.keys(TARGETS))('%s serves good callers', (name) => {
  test('when there are no strangers, or this machine is too busy to tell', async () => {
    await expectServed(name, 'idle', 'without a key', NOBODY);
  });

  test.each(cases)('whatever strangers do: %s, %s', async (way, as) => {
    for (const crowd of crowds) await expectServed(name, way, as, crowd);
  });
});

async function expectServed(name: string, way: Way, as: string, crowd: Crowd): Promise<void> {
  const target = TARGETS[name]?.();
  if (!target) throw new Error('it is one of them');
  const got = await during(target, way, as === 'with a key', crowd);
  const served = got.filter(({ status }) => typeof status === 'number' && status < 300);
  const slowest = [...got].sort((a, b) => a.took - b.took)[Math.floor(got.length * 0.99)]?.took ?? 0;
  const share = served.length / got.length;
  const others = JSON.stringify(othersOf(got));
  console.log(
    `figure: ${name}, ${way} ${as}, ${crowd.connections} connections of ${crowd.addresses}: ${(share * 100).toFixed(1)} % of ${got.length} served, p99 ${Math.round(slowest)} ms ${others}`,
  );
  expect({ crowd, others, isServed: share > 0.99 }).toMatchObject({ isServed: true });
}

async function during(target: Target, way: Way, known: boolean, crowd: Crowd): Promise<Got[]> {
  const { app, host, path, writesTo, token } = target;
  const headers = [`Host: ${host}`, ...(known ? [`${SESSION}: ${token}`] : [])];
  const child = await attack({ port: Number(new URL(app.url).port), way, path, writesTo, headers, ...crowd });
  const ended = once(child, 'close');
  try {
    // Of few strangers nothing new comes after a second or two; of many, those who were dropped come again.
    return await callWell(target.good, crowd.connections < MANY ? SECONDS / 2 : SECONDS);
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

const MANY = 1_000;

function othersOf(got: readonly Got[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status } of got)
    if (typeof status === 'string' || status >= 300) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}
