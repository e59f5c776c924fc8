import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { differences, pinnedChecksums, sha256 } from './checksums.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caregate-checksums-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function pinned() {
  await writeFile(join(folder, 'one.jar'), 'one');
  await writeFile(join(folder, 'two.jar'), 'two');
  return { 'one.jar': await sha256(join(folder, 'one.jar')), 'two.jar': await sha256(join(folder, 'two.jar')) };
}

test('finds nothing wrong with what is as pinned', async () => {
  expect(await differences(folder, await pinned())).toEqual([]);
});

test('finds a damaged file', async () => {
  const expected = await pinned();
  await writeFile(join(folder, 'two.jar'), 'twO');
  expect(await differences(folder, expected)).toEqual(['two.jar is damaged (checksum differs)']);
});

test('finds a file that was cut off', async () => {
  const expected = await pinned();
  await truncate(join(folder, 'one.jar'), 1);
  expect(await differences(folder, expected)).toEqual(['one.jar is damaged (checksum differs)']);
});

test('finds missing and additional files', async () => {
  const expected = await pinned();
  await rm(join(folder, 'one.jar'));
  await writeFile(join(folder, 'three.jar'), 'three');
  expect(await differences(folder, expected)).toEqual(['one.jar is missing', 'three.jar is not expected']);
});

test('finds all missing in a folder that is not there', async () => {
  expect(await differences(join(folder, 'none'), { a: '0' })).toEqual(['a is missing']);
});

test('knows the hash of a text', async () => {
  await writeFile(join(folder, 'abc'), 'abc');
  expect(await sha256(join(folder, 'abc'))).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});

test('pins the connector, the broker and Node.js', () => {
  const { kafka, mongod, oldestNode } = pinnedChecksums();
  expect(Object.keys(kafka)).toEqual(expect.arrayContaining(['kafka_2.13-4.3.1.jar', 'mongo-kafka-connect-2.0.1.jar']));
  expect(Object.keys(mongod)).toContain('mongod');
  expect(Object.keys(oldestNode)).toContain('node');
});
