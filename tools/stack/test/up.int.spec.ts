import { execFile, spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isFree } from '../src/process/ports.ts';
import { descendants, isAlive, within } from './leftovers.ts';
import { fillDist } from './stub-dist.ts';

// A checkout of its own with stub apps, so that the state of this one is not touched.
const stackPackage = fileURLToPath(new URL('..', import.meta.url));
let checkout: string;

beforeAll(async () => {
  checkout = await mkdtemp(join(tmpdir(), 'caregate-checkout-'));
  for (const each of ['src', 'package.json', 'checksums.json', 'pom.xml']) {
    await cp(join(stackPackage, each), join(checkout, 'tools', 'stack', each), { recursive: true });
  }
  await symlink(join(stackPackage, '..', '..', 'node_modules'), join(checkout, 'node_modules'));
  await mkdir(join(checkout, 'dist'));
});
afterAll(async () => {
  await stack('down');
  await rm(checkout, { recursive: true });
});

function environment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, MONGODB_URI: _1, KAFKA_BROKERS: _2, CONNECT_URL: _3, SMTP_URL: _4, ...env } = process.env;
  return env;
}

const program = () => join(checkout, 'tools', 'stack', 'src', 'main.ts');

function stack(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program(), ...args], { env: environment() }, (error, out, err) =>
      resolve({ code: error ? Number(error.code) : 0, out, err }),
    );
  });
}

async function backgroundPid(): Promise<number> {
  return (JSON.parse(await readFile(join(checkout, '.stack', 'up.json'), 'utf8')) as { pid: number }).pid;
}

test('nothing runs at first', async () => {
  expect(await stack('status')).toEqual({ code: 1, out: 'it is not running\n', err: '' });
  expect(await stack('down')).toEqual({ code: 0, out: 'it is not running\n', err: '' });
  expect(await stack('logs')).toEqual({ code: 1, out: '', err: 'stack: there are no logs; start with: stack up\n' });
});

test('up says that the apps are not built, and leaves nothing', async () => {
  const { code, err } = await stack('up');
  expect(code).toBe(1);
  expect(err).toMatch(/^stack: clinic-api is not built: .*; run make build\n$/);
  expect((await stack('status')).code).toBe(1);
});

test('up, status, logs, a second up, a death, down', async () => {
  await fillDist(join(checkout, 'dist', 'apps'), ['clinic-api', 'clinic-worker', 'gatekeeper-sync', 'directory']);
  const up = await stack('up');
  expect(up).toMatchObject({ code: 0, err: '' });
  const directory = /directory +(http:\S+)/.exec(up.out)?.[1] as string;
  expect((await fetch(`${directory}/ready`)).status).toBe(200);

  const background = await backgroundPid();
  const pids = [background, ...descendants(background)];
  expect(pids.length).toBeGreaterThanOrEqual(1 + 1 + 4 + 7);

  const again = await stack('up');
  expect(again.code).toBe(0);
  expect(again.out).toContain('it is running already');
  expect(again.out).toContain(directory);

  const status = await stack('status');
  expect(status).toMatchObject({ code: 0, err: '' });
  expect(status.out).toMatch(/kafka +pid \d+/);

  const logs = await stack('logs', '-n', '3', 'kafka');
  expect(logs.out.trim().split('\n')).toHaveLength(3);
  expect(logs.out).toMatch(/^kafka \| /);
  expect(await stack('logs', 'nothing')).toMatchObject({
    code: 2,
    err: expect.stringContaining("'nothing' has no log"),
  });

  const worker = Number(/clinic-worker-uk1 +pid (\d+)/.exec(status.out)?.[1]);
  process.kill(worker, 'SIGKILL');
  expect(await within(5_000, () => !isAlive(worker))).toBe(true);
  expect(await stack('status')).toMatchObject({ code: 1, out: expect.stringMatching(/clinic-worker-uk1 +HAS DIED/) });

  const down = await stack('down');
  expect(down).toMatchObject({ code: 0, out: expect.stringContaining('all is stopped') });
  expect(pids.filter(isAlive)).toEqual([]);
  for (const [, port] of up.out.matchAll(/127\.0\.0\.1:(\d+)/g))
    expect([port, await isFree(Number(port))]).toEqual([port, true]);
  expect((await stack('status')).code).toBe(1);
  expect((await stack('logs', '-n', '1', 'kafka')).code).toBe(0);
}, 180_000);

test('up that is interrupted leaves nothing', async () => {
  const up = spawn(process.execPath, [program(), 'up'], { env: environment(), stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => up.stdout.once('data', resolve));
  const [background] = descendants(up.pid as number);
  const pids = descendants(up.pid as number);
  expect(pids.length).toBeGreaterThan(1);
  up.kill('SIGINT');
  expect(await within(15_000, () => !pids.some(isAlive))).toBe(true);
  expect(background).toBeDefined();
  expect((await stack('status')).code).toBe(1);
}, 120_000);

test('a background program that gets SIGKILL takes all along, and up starts anew', async () => {
  expect((await stack('up')).code).toBe(0);
  const background = await backgroundPid();
  const pids = descendants(background);
  process.kill(background, 'SIGKILL');
  expect(await within(10_000, () => !pids.some(isAlive))).toBe(true);
  expect((await stack('status')).code).toBe(1);
  expect((await stack('up')).code).toBe(0);
  expect((await stack('down')).code).toBe(0);
}, 180_000);
