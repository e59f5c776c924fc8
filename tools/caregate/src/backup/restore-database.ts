import { randomUUID } from 'node:crypto';
import { BEGINNINGS, type SourcesBeginning } from '@caregate/change-events/read-positions';
import { REPEATABLE_REACTIONS } from '@caregate/change-events/repeatable-reactions';
import { type RestoreDocument, RESTORES } from '@caregate/change-events/restores';
import { databaseTime } from '@caregate/service/database-time';
import mongoose, { type Connection } from 'mongoose';
import { CommandFailed } from '../command-failed.ts';
import type { Archive, Manifest } from './archive.ts';

type Say = (line: string) => void;
type Document = mongoose.mongo.Document;
type DealtWith = RestoreDocument['dealtWith'];

const { BSON } = mongoose.mongo;
const UNDER_WAY = 'restore_under_way';
const AT_ONCE = 1_000;
const BYTES_AT_ONCE = 8 * 1024 * 1024;
/** So that numbers, dates and bytes come back as they were. */
const AS_THEY_ARE = { promoteValues: false, promoteBuffers: false, bsonRegExp: true } as const;
const DURABLE = { writeConcern: { w: 'majority', journal: true } } as const;

/**
 * A database to restore into must be empty: a collection in it was made by an app that still runs, or is somebody's data.
 * What a restore left that was cut off is removed with `again`. From here to its end a collection says that a restore is under way.
 * @throws {CommandFailed}
 */
export async function makeRoom(connection: Connection, again: boolean): Promise<void> {
  const db = databaseOf(connection);
  const names = (await db.listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name);
  if (names.length === 0) return void (await db.createCollection(UNDER_WAY));
  if (!names.includes(UNDER_WAY))
    throw new CommandFailed(
      `the database ${connection.name} is not empty (${names.slice(0, 3).join(', ')} …): stop all apps of the shard, and drop the database if it is to be replaced`,
    );
  if (!again)
    throw new CommandFailed('a restore was cut off here; with --again what it wrote is removed and it begins anew');
  await empty(connection, { but: UNDER_WAY });
}

/** Drops all collections, which users may who may not drop a database (docs/operations.md, "Database users"). */
export async function empty(connection: Connection, { but }: { readonly but?: string } = {}): Promise<void> {
  const db = databaseOf(connection);
  for (const { name } of await db.listCollections({}, { nameOnly: true }).toArray())
    if (name !== but && !name.startsWith('system.')) await db.dropCollection(name);
}

/** What a restore that was cut off noted; it may have set the worker's places already, so that Kafka knows it no longer. */
export async function notedDealtWith(connection: Connection): Promise<DealtWith | undefined> {
  return (await notesOf(connection).findOne())?.dealtWith;
}

export async function noteDealtWith(connection: Connection, dealtWith: DealtWith): Promise<void> {
  await notesOf(connection).updateOne({ _id: 'kafka' }, { $set: { dealtWith } }, { upsert: true, ...DURABLE });
}

const notesOf = (connection: Connection) =>
  databaseOf(connection).collection<{ _id: string; dealtWith: DealtWith }>(UNDER_WAY);

/** All of a verified backup, with options and indexes. */
export async function restoreDatabase(
  connection: Connection,
  archive: Archive,
  { collections }: Manifest,
  say: Say,
): Promise<void> {
  const db = databaseOf(connection);
  for (const { name, documents } of collections) {
    const { options, indexes } = await archive.metadata(name);
    await db.createCollection(name, options);
    const target = db.collection(name);
    for await (const batch of inBatches(archive.documents(name)))
      await target.insertMany(batch, { ordered: false, ...DURABLE });
    for (const { v: _v, ns: _ns, key, ...rest } of indexes)
      if (rest['name'] !== '_id_') await target.createIndex(key, rest);
    const written = await target.countDocuments();
    // One whose time is over (TTL) may be gone already.
    if (written > documents)
      throw new CommandFailed(`${name} has more documents than were restored: an app is running`);
    say(`${name}: ${documents}`);
  }
}

async function* inBatches(documents: AsyncIterable<Buffer>): AsyncGenerator<Document[]> {
  let [batch, bytes]: [Document[], number] = [[], 0];
  for await (const document of documents) {
    batch.push(BSON.deserialize(document, AS_THEY_ARE));
    bytes += document.byteLength;
    if (batch.length < AT_ONCE && bytes < BYTES_AT_ONCE) continue;
    yield batch;
    [batch, bytes] = [[], 0];
  }
  if (batch.length > 0) yield batch;
}

/** What of the events of before the restore is to be read again, beside the database. */
export interface Events {
  readonly backup: mongoose.mongo.Timestamp;
  /** User events of since then are published again, as the sources may not have come so far. */
  readonly since: Date;
  readonly dealtWith: DealtWith;
}

/** In milliseconds: how long before the backup, or the oldest reaction that was open then, events are read again that the worker had dealt with. */
const BEFORE_MS = 86_400_000;

/** Since when events are to be read again: what was open or under way at the moment of the backup is among them. */
export async function eventsSince(connection: Connection, backupTime: Date): Promise<Date> {
  const [oldest] = await databaseOf(connection)
    .collection<{ beganTime?: Date }>('reactions')
    .find({ open: true, beganTime: { $type: 'date' } }, { sort: { beganTime: 1 }, limit: 1 })
    .toArray();
  return new Date(Math.min(backupTime.getTime(), oldest?.beganTime?.getTime() ?? Infinity) - BEFORE_MS);
}

/**
 * What was open at the moment of the backup may have happened since. An email is closed rather than sent a second time, and listed as what
 * nobody could react to or deliver. What can be repeated is repeated: its record goes, and the worker reads its event again.
 * Sources of change events begin behind the restore, or all of it would be taken for news.
 */
export async function settle(connection: Connection, events: Events | undefined, say: Say): Promise<void> {
  const db = databaseOf(connection);
  const now = new Date();
  const repeated = events
    ? await db.collection('reactions').deleteMany({ open: true, reaction: { $in: [...REPEATABLE_REACTIONS] } }, DURABLE)
    : undefined;
  const reactions = await db.collection('reactions').updateMany(
    { open: true, ...(!events && { reaction: { $nin: [...REPEATABLE_REACTIONS] } }) },
    {
      $set: {
        state: 'dead',
        failure: 'open when the backup was made that the shard was restored from',
        endedTime: now,
      },
      $unset: { open: '', claim: '', leaseUntil: '', due: '' },
    },
    DURABLE,
  );
  const mails = await db.collection('mail_deliveries').updateMany(
    { state: { $in: ['sending', 'waiting'] } },
    {
      $set: {
        state: 'given_up',
        reason: 'on its way when the backup was made that the shard was restored from',
        endedTime: now,
      },
      $unset: { claim: '', leaseUntil: '' },
    },
    DURABLE,
  );
  // Of topics as they were then; the worker goes on where its group is put.
  await db
    .collection(BEGINNINGS)
    .deleteMany({ $or: [{ read: { $exists: true } }, { gap: { $exists: true } }] }, DURABLE);
  const time = await databaseTime(db);
  const startAt = new mongoose.mongo.Timestamp({ t: (time.getHighBits() >>> 0) + 1, i: 1 });
  await db
    .collection<SourcesBeginning>(BEGINNINGS)
    .updateOne(
      { _id: 'worker' },
      { $set: { startAt, ...(events && { userEventsSince: events.since }) } },
      { upsert: true, ...DURABLE },
    );
  if (events) await note(connection, events, startAt);
  await db.collection(UNDER_WAY).drop();
  say(
    `closed as they were open at the time of the backup: ${reactions.modifiedCount} reactions, ${mails.modifiedCount} emails`,
  );
  if (repeated) say(`reactions that were open and will be repeated: ${repeated.deletedCount}`);
}

/** By it the worker, and commands, know events of the time that is undone. */
async function note(
  connection: Connection,
  { backup, dealtWith }: Events,
  restored: mongoose.mongo.Timestamp,
): Promise<void> {
  const restore = { _id: randomUUID(), backup, restored, restoredTime: new Date(), dealtWith };
  await databaseOf(connection).collection<RestoreDocument>(RESTORES).insertOne(restore, DURABLE);
}

function databaseOf({ db }: Connection) {
  if (!db) throw new Error('not connected');
  return db;
}
