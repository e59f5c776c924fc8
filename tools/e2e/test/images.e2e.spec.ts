import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Platform, type Servers, startServers, startShards } from '@caregate/stack';
import { leaveNothing } from './leave-nothing.ts';
import { openPractice } from './practice.ts';

// What the Dockerfile puts into an image, without Docker: assembled as it does, in a folder that is not in the workspace.
const run = promisify(execFile);
const root = join(import.meta.dirname, '../../..');
const APPS = ['clinic-api', 'clinic-worker', 'directory', 'gatekeeper-sync'];
const prefix = `im${randomBytes(3).toString('hex')}_`;

let folder: string;
let servers: Servers;
let platform: Platform;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caregate-images-'));
  const assemble = join(root, 'tools/build/assemble-app.mjs');
  await Promise.all(APPS.map((app) => run(process.execPath, [assemble, app, join(folder, app)])));
}, 300_000);

afterAll(async () => {
  await platform?.stop();
  if (servers) await leaveNothing(servers, prefix);
  await servers?.stop();
  await rm(folder, { recursive: true });
}, 120_000);

test.each(APPS)('the image of %s holds what it imports, in the versions of the lock file, and no more', async (app) => {
  const packagesIn = async (file: string) => JSON.parse(await readFile(file, 'utf8')).packages;
  const [locked, held] = await Promise.all([
    packagesIn(join(root, 'package-lock.json')),
    packagesIn(join(folder, app, 'node_modules/.package-lock.json')),
  ]);
  const differing = Object.keys(held).filter((place) => locked[place]?.integrity !== held[place].integrity);
  expect(differing).toEqual([]);
  const names = await readdir(join(folder, app, 'node_modules'));
  expect(names).toContain('mongoose');
  for (const ofOthers of ['maildev', 'react-dom', 'jsdom', 'jest', 'nx', 'typescript'])
    expect(names).not.toContain(ofOthers);
});

test('the apps of the images are ready, and a clinic is made by them', async () => {
  servers = await startServers({ env: process.env });
  platform = await startShards(servers, { shards: ['au1'], prefix, dist: folder });
  const shard = platform.shard('au1');
  expect((await openPractice(shard, 'images')).clinicId).toMatch(/^[0-9a-f]{24}$/);
  for (const { url } of [shard.api, shard.sync, platform.directory])
    expect([url, (await fetch(`${url}/docs`)).status]).toEqual([url, 200]);
}, 300_000);
