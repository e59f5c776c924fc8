import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { install, type Artifact } from './artifact.ts';

let cache: string;
let fetched: number;
let lines: string[];
const log = (line: string) => void lines.push(line);
const content = 'the real content';

beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'caregate-artifact-'));
  fetched = 0;
  lines = [];
});
afterEach(() => rm(cache, { recursive: true }));

function artifact(fetch?: (into: string, attempt: number) => Promise<void>): Artifact {
  return {
    title: 'thing 1.0',
    effort: 'downloading 1 MB',
    folder: join(cache, 'thing-1.0'),
    attempts: 3,
    async fetch(into, attempt) {
      fetched++;
      if (fetch) return fetch(into, attempt);
      await writeFile(join(into, 'thing'), content);
    },
    async faults(folder) {
      const found = await readFile(join(folder, 'thing'), 'utf8').catch(() => '');
      return found === content ? [] : ['thing is damaged'];
    },
  };
}

test('fetches once and says what it does', async () => {
  const folder = await install(artifact(), { log });
  expect(await readFile(join(folder, 'thing'), 'utf8')).toBe(content);
  expect(lines).toEqual([
    'thing 1.0: downloading 1 MB ...',
    expect.stringMatching(/^thing 1\.0: ready after \d+\.\d s$/),
  ]);
  lines = [];
  await install(artifact(), { log });
  expect(fetched).toBe(1);
  expect(lines).toEqual([]);
});

test('fetches again what came damaged, and tells the fetch not to trust caches', async () => {
  const attempts: number[] = [];
  const thing = artifact(async (into, attempt) => {
    attempts.push(attempt);
    await writeFile(join(into, 'thing'), attempt === 1 ? 'half of the' : content);
  });
  await install(thing, { log });
  expect(attempts).toEqual([1, 2]);
  expect(lines).toContain('thing 1.0: thing is damaged; trying again');
});

test('fetches again when the download was cut off', async () => {
  await install(
    artifact(async (into, attempt) => {
      await writeFile(join(into, 'thing'), content);
      if (attempt === 1) throw new Error('connection reset');
    }),
    { log },
  );
  expect(fetched).toBe(2);
});

test('gives up after three attempts and leaves nothing behind', async () => {
  const thing = artifact(() => Promise.reject(new Error('no network')));
  await expect(install(thing, { log })).rejects.toThrow('thing 1.0: not installed after 3 attempts: no network');
  expect(await readdir(cache)).toEqual([]);
});

test('notices a truncated file without being asked to verify', async () => {
  const folder = await install(artifact(), { log });
  await truncate(join(folder, 'thing'), 3);
  await install(artifact(), { log });
  expect(fetched).toBe(2);
  expect(lines).toContain('thing 1.0: thing is damaged; fetching it again');
});

test('notices other content of the same size when asked to verify', async () => {
  const folder = await install(artifact(), { log });
  await writeFile(join(folder, 'thing'), content.toUpperCase());
  await install(artifact(), { log });
  expect(fetched).toBe(1);
  await install(artifact(), { log, verify: true });
  expect(fetched).toBe(2);
  expect(await readFile(join(folder, 'thing'), 'utf8')).toBe(content);
});

test('keeps what is right though the stamp is missing', async () => {
  const folder = await install(artifact(), { log });
  await rm(join(folder, '.complete.json'));
  await install(artifact(), { log });
  expect(fetched).toBe(1);
  await expect(stat(join(folder, '.complete.json'))).resolves.toBeDefined();
});

test('removes what an interrupted installation has left', async () => {
  await mkdir(join(cache, 'thing-1.0.tmp-abc'));
  await mkdir(join(cache, 'other.tmp-abc'));
  await install(artifact(), { log });
  expect((await readdir(cache)).sort()).toEqual(['other.tmp-abc', 'thing-1.0']);
});

test('two at the same time fetch once', async () => {
  const slow = artifact(async (into) => {
    await pause(150);
    await writeFile(join(into, 'thing'), content);
  });
  await Promise.all([install(slow, { log }), install(slow, { log })]);
  expect(fetched).toBe(1);
  expect(lines).toContain('thing 1.0: another program is installing it, waiting');
});
