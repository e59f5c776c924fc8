import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isFree } from '../src/process/ports.ts';
import { descendants, isAlive, within } from './leftovers.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const main = join(here, '..', 'src', 'main.ts');

function node(args: string[]): ChildProcess {
  const { NODE_OPTIONS: _, MONGODB_URI: _1, KAFKA_BROKERS: _2, CONNECT_URL: _3, SMTP_URL: _4, ...env } = process.env;
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], env });
}

/** The first line that it prints, parsed. */
function firstLine<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('\n')) resolve(JSON.parse(text.slice(0, text.indexOf('\n'))) as T);
    });
    child.once('exit', (code) => reject(new Error(`it ended with ${code}`)));
  });
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('exit', (code) => resolve(code)));
}

interface Held {
  pids: number[];
  env: Record<string, string>;
  data: string;
}

function portsOf(env: Record<string, string>): number[] {
  return Object.values(env)
    .flatMap((address) => /:(\d+)/.exec(address.replace(/^\w+:\/\//, ''))?.[1] ?? []) // a folder has none
    .map(Number);
}

async function expectNothingLeft({ env, data }: Pick<Held, 'env' | 'data'>, pids: number[]): Promise<void> {
  await within(10_000, () => !pids.some(isAlive) && !existsSync(data));
  expect(pids.filter(isAlive)).toEqual([]);
  expect(existsSync(data)).toBe(false);
  expect(portsOf(env)).not.toEqual([]);
  for (const port of portsOf(env)) expect([port, await isFree(port)]).toEqual([port, true]);
}

test('the whole stack goes when the program that started it gets SIGKILL', async () => {
  const holder = node([join(here, 'hold-servers.ts'), 'mongod', 'kafka', 'connect', 'maildev']);
  const held = await firstLine<Held>(holder);
  const pids = [...descendants(holder.pid as number), ...held.pids];
  expect(held.pids.every(isAlive)).toBe(true);
  holder.kill('SIGKILL');
  await expectNothingLeft(held, pids);
}, 120_000);

test('servers go even when the keeper gets SIGKILL', async () => {
  const holder = node([join(here, 'hold-servers.ts'), 'mongod', 'maildev']);
  const held = await firstLine<Held>(holder);
  const [keeper, ...others] = descendants(holder.pid as number);
  expect(held.pids.every((pid) => others.includes(pid))).toBe(true);
  process.kill(keeper as number, 'SIGKILL');
  expect(await within(5_000, () => !held.pids.some(isAlive))).toBe(true);
  holder.kill('SIGKILL');
}, 60_000);

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  'run ends all and tells the exit code when it gets %s',
  async (signal) => {
    const script = `process.stdout.write(JSON.stringify(process.env) + '\\n'); setInterval(() => {}, 1000)`;
    const run = node([main, 'run', '--only', 'mongod,maildev', '--', process.execPath, '-e', script]);
    const env = await firstLine<Record<string, string>>(run);
    const pids = descendants(run.pid as number);
    run.kill(signal);
    expect(await exitOf(run)).toBe({ SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }[signal]);
    expect(pids.filter(isAlive)).toEqual([]);
    for (const port of portsOf({ a: env.MONGODB_URI as string, b: env.SMTP_URL as string }))
      expect(await isFree(port)).toBe(true);
  },
  60_000,
);

test('run ends what it has begun to start when it is interrupted early', async () => {
  const run = node([main, 'run', '--', 'true']);
  expect(await within(20_000, () => descendants(run.pid as number).length >= 3)).toBe(true);
  const pids = descendants(run.pid as number);
  run.kill('SIGTERM');
  expect(await exitOf(run)).toBe(143);
  expect(pids.filter(isAlive)).toEqual([]);
}, 60_000);

test('run answers with the exit code of the command', async () => {
  expect(await exitOf(node([main, 'run', '--only', 'maildev', '--', process.execPath, '-e', 'process.exit(7)']))).toBe(
    7,
  );
  expect(await exitOf(node([main, 'run', '--only', 'maildev', '--', 'no-such-command']))).toBe(1);
  expect(await exitOf(node([main, 'run', '--nope']))).toBe(2);
}, 60_000);
