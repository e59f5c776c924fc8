import { jest } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mongoose, { type Connection } from 'mongoose';
import { caregate } from '../caregate.ts';

const { BSON, Decimal128, Double, Int32, Long, Timestamp, UUID } = mongoose.mongo;

let source: Connection;
let target: Connection;
let folder: string;
let said = '';

const database = async () => {
  const server = new URL(process.env['MONGODB_URI'] ?? 'mongodb://127.0.0.1:27017');
  server.pathname = `/backup_${randomBytes(4).toString('hex')}`;
  return { uri: server.href, connection: await mongoose.createConnection(server.href).asPromise() };
};
let sourceUri: string;
let targetUri: string;

beforeEach(async () => {
  ({ uri: sourceUri, connection: source } = await database());
  ({ uri: targetUri, connection: target } = await database());
  folder = await mkdtemp(join(tmpdir(), 'caregate-backup-'));
  said = '';
  for (const out of [process.stdout, process.stderr])
    jest.spyOn(out, 'write').mockImplementation((text) => Boolean((said += text)));
});
afterEach(async () => {
  jest.restoreAllMocks();
  for (const connection of [source, target]) {
    await connection.dropDatabase();
    await connection.close();
  }
  await rm(folder, { recursive: true });
});

const backUp = () => withUri(sourceUri, ['backup', '--to', folder]);
const restore = (...more: string[]) => withUri(targetUri, ['restore', '--from', folder, '--database-only', ...more]);

async function withUri(uri: string, args: string[]): Promise<number> {
  const before = process.env['MONGODB_URI'];
  process.env['MONGODB_URI'] = uri;
  try {
    return await caregate(args);
  } finally {
    process.env['MONGODB_URI'] = before;
  }
}

async function contentOf({ db }: Connection) {
  if (!db) throw new Error('not connected');
  const found = await db.listCollections().toArray();
  const collections = await Promise.all(
    found.map(async ({ name, options }: { name: string; options?: object }) => [
      name,
      {
        options,
        indexes: (await db.collection(name).indexes()).sort((a, b) => (String(a.name) < String(b.name) ? -1 : 1)),
        documents: (
          await db
            .collection(name)
            .find({}, { raw: true, sort: { _id: 1 } })
            .toArray()
        ).map((bytes) => Buffer.from(bytes as unknown as Uint8Array).toString('hex')),
      },
    ]),
  );
  return Object.fromEntries(collections.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)));
}

test('what was backed up comes back byte by byte, with indexes and options', async () => {
  await source.createCollection('clinics', { changeStreamPreAndPostImages: { enabled: true } });
  const kinds = {
    numbers: [new Int32(1), new Double(1), Long.fromString('9007199254740993'), Decimal128.fromString('0.10')],
    times: [new Date(0), new Timestamp({ t: 7, i: 3 })],
    others: [null, true, /a.b/i, new UUID(), BSON.Binary.createFromBase64('AAEC', 0), { nested: { deeply: [[]] } }],
    text: 'Ünïcödé \u0000 …',
  };
  await source.collection('clinics').insertMany([kinds, { _id: 'a text' as never, ...kinds }]); // ids of any kind
  await source.collection('patients').insertMany(Array.from({ length: 2_500 }, (_, n) => ({ n, text: 'x'.repeat(n) })));
  await source.collection('patients').createIndexes([
    { key: { n: 1 }, name: 'by_n', unique: true, partialFilterExpression: { n: { $exists: true } } },
    { key: { gone: 1 }, name: 'expiry', expireAfterSeconds: 60 },
    { key: { text: 1 }, name: 'words', collation: { locale: 'en', strength: 1 } },
  ]);
  await source.createCollection('change_event_beginnings');
  expect(await backUp()).toBe(0);
  expect(await restore()).toBe(0);
  const { change_event_beginnings: beginnings, ...restored } = await contentOf(target);
  const { change_event_beginnings: _none, ...original } = await contentOf(source);
  expect(restored).toEqual(original);
  expect(beginnings.documents).toHaveLength(1); // sources begin behind the restore
});

test('what was open is closed and listed, and is not done again', async () => {
  const [open, done] = [
    { _id: 'a' as never, open: true, state: 'waiting', due: new Date() },
    { _id: 'b' as never, state: 'done' },
  ];
  const repeatable = { ...open, _id: 'c' as never, reaction: 'forget_user_records' };
  await source.collection('reactions').insertMany([open, done, repeatable]);
  await source.collection('mail_deliveries').insertMany([
    { _id: 'x' as never, state: 'waiting' },
    { _id: 'y' as never, state: 'sent' },
  ]);
  expect(await backUp()).toBe(0);
  expect(await restore()).toBe(0);
  expect(await target.collection('reactions').find().sort({ _id: 1 }).toArray()).toEqual([
    { _id: 'a', state: 'dead', failure: expect.any(String), endedTime: expect.any(Date) },
    { _id: 'b', state: 'done' },
    { ...repeatable, _id: 'c' }, // its message is where it was, as Kafka is left alone
  ]);
  expect(
    (await target.collection('mail_deliveries').find().sort({ _id: 1 }).toArray()).map(({ state }) => state),
  ).toEqual(['given_up', 'sent']);
  expect(said).toContain('1 reactions, 1 emails');
});

test('a database that is not empty is left alone; what a restore left that was cut off is removed when asked to', async () => {
  await source.collection('patients').insertOne({ n: 1 });
  expect(await backUp()).toBe(0);
  await target.collection('somebodys').insertOne({ n: 1 });
  expect(await restore('--again')).toBe(1);
  expect(said).toContain('is not empty (somebodys …): stop all apps');
  expect(await target.collection('somebodys').countDocuments()).toBe(1);
  await target.createCollection('restore_under_way');
  expect(await restore()).toBe(1);
  expect(said).toContain('with --again');
  expect(await restore('--again')).toBe(0);
  expect(Object.keys(await contentOf(target)).sort()).toEqual(['change_event_beginnings', 'patients']);
});

test('a backup of another shard is refused before anything is written', async () => {
  const owner = { _id: 'owner', holds: 'clinic', shardId: 'uk1', installationId: 'theirs' };
  await source.collection<{ _id: string }>('owner').insertOne(owner);
  expect(await backUp()).toBe(0);
  process.env['SHARD_ID'] = 'au1';
  try {
    expect(await restore()).toBe(1);
  } finally {
    delete process.env['SHARD_ID'];
  }
  expect(said).toContain('the backup belongs to shard uk1, and this is a restore of shard au1');
  expect(await contentOf(target)).toEqual({});
  expect(await restore()).toBe(0);
  expect(await target.collection('owner').findOne()).toEqual({ ...owner, database: target.name });
});

test('what is missing is named', async () => {
  await source.collection('patients').insertOne({ n: 1 });
  expect(await backUp()).toBe(0);
  expect(await withUri('', ['restore', '--from', folder])).toBe(1);
  expect(said).toContain('MONGODB_URI is needed');
});
