import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Daemon, PortTaken } from './daemon.ts';
import { dismissIdleKeeper } from './keeper.ts';
import { freePort } from './ports.ts';
import { answersOk } from './probe.ts';
import { startOnFreePorts } from './start-on-free-ports.ts';
import { poll } from '../poll.ts';

let folder: string;
const daemons: Daemon[] = [];
let lines: string[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caregate-daemon-'));
  lines = [];
});
afterEach(async () => {
  await Promise.all(daemons.splice(0).map((daemon) => daemon.kill()));
  await dismissIdleKeeper();
  await rm(folder, { recursive: true });
});

const web = `
  const server = require('node:http').createServer((request, response) => response.end('ok'));
  server.listen(Number(process.env.PORT), '127.0.0.1');
  process.on('SIGTERM', () => process.exit(7));`;

async function plan(script: string, port: number, withinMs = 10_000) {
  const file = join(folder, 'server.cjs');
  await writeFile(file, script);
  return {
    name: 'thing',
    ports: [port],
    command: {
      command: process.execPath,
      args: [file],
      cwd: folder,
      env: { PORT: String(port) },
      logFile: join(folder, 'thing.log'),
    },
    isReady: () => answersOk(`http://127.0.0.1:${port}/`),
    withinMs,
  };
}

async function daemon(script: string, port?: number, withinMs?: number): Promise<Daemon> {
  const created = new Daemon(await plan(script, port ?? (await freePort()), withinMs), (line) => lines.push(line));
  daemons.push(created);
  return created;
}

test('starts, is stopped with its exit code, and starts again on the same port', async () => {
  const thing = await daemon(web);
  await thing.start();
  expect(thing.running).toBe(true);
  expect(await thing.stop()).toBe(7);
  expect(thing.running).toBe(false);
  await thing.start();
  const { pid } = thing;
  await thing.kill();
  expect(thing.pid).toBeUndefined();
  expect(() => process.kill(pid as number, 0)).toThrow();
  expect(lines).toEqual([]);
});

test('fails early, with the last lines of its log, when the process ends', async () => {
  const thing = await daemon(`console.log('loading'); console.error('MONGODB_URI is missing'); process.exit(1);`);
  await expect(thing.start()).rejects.toThrow(
    /^thing ended at once \(exit code 1\)\nlast lines of .*thing\.log:\n {2}loading\n {2}MONGODB_URI is missing$/,
  );
});

test('fails when it does not get ready in time, and leaves no process', async () => {
  const thing = await daemon(`setInterval(() => {}, 1000);`, undefined, 300);
  await expect(thing.start()).rejects.toThrow('thing was not ready within 0.3 s');
  expect(thing.running).toBe(false);
});

test('names who holds its port', async () => {
  const port = await freePort();
  const first = await daemon(web, port);
  await first.start();
  const second = await daemon(web, port);
  const failure = await second.start().catch((error: Error) => error);
  expect(failure).toBeInstanceOf(PortTaken);
  expect((failure as Error).message).toMatch(
    new RegExp(`^port ${port} is taken by node .*server\\.cjs \\(pid ${first.pid}\\)$`, 'm'),
  );
});

test('takes other ports when somebody was faster', async () => {
  const port = await freePort();
  const first = await daemon(web, port);
  await first.start();
  const ports = [port, await freePort()];
  const { daemon: second } = await startOnFreePorts(
    () => plan(web, ports.shift() as number),
    (line) => lines.push(line),
  );
  daemons.push(second);
  expect(second.running).toBe(true);
  expect(lines).toEqual([expect.stringMatching(/is taken by .*; trying other ports$/s)]);
});

test('says that it has died when nobody asked it to', async () => {
  const thing = await daemon(
    `${web} server.on('request', (request) => request.url === '/die' && setImmediate(() => { console.log('alas'); process.exit(3); }));`,
  );
  await thing.start();
  await fetch(`http://127.0.0.1:${thing.plan.ports[0]}/die`).catch(() => {});
  await poll(() => lines.length > 0, { withinMs: 5_000 });
  expect(lines[0]).toMatch(/^thing has died \(exit code 3\)\n.*\n {2}alas$/s);
});

test('says that a program does not exist', async () => {
  const { plan: other } = await daemon('');
  const thing = new Daemon({ ...other, command: { ...other.command, command: '/no/such/program' } }, () => {});
  await expect(thing.start()).rejects.toThrow(/no\/such\/program/);
});
