import mongoose, { type Connection } from 'mongoose';
import { CommandFailed } from '../command-failed.ts';
import type { Archive, Manifest, Metadata } from './archive.ts';

type Say = (line: string) => void;

/**
 * Writes the database as it was at one moment: all collections are read in one snapshot, while others write.
 * @throws {CommandFailed} when MongoDB does not keep that moment for long enough
 */
export async function takeBackup(connection: Connection, archive: Archive, say: Say): Promise<Manifest> {
  const { db } = connection;
  if (!db) throw new Error('not connected');
  await archive.begin();
  const beganTime = new Date().toISOString();
  const found = await db.listCollections({ type: 'collection' }, { nameOnly: false }).toArray();
  const kept = found.filter(({ name }) => !name.startsWith('system.')).sort((a, b) => (a.name < b.name ? -1 : 1));
  const session = await connection.startSession({ snapshot: true });
  try {
    const collections = [];
    for (const { name, options = {} } of kept as { name: string; options?: mongoose.mongo.Document }[]) {
      const metadata: Metadata = { options, indexes: await db.collection(name).indexes() };
      const cursor = db.collection(name).find({}, { session, raw: true, batchSize: 1_000 });
      // `raw` gives bytes.
      collections.push(await archive.write(name, cursor as unknown as AsyncIterable<Uint8Array>, metadata));
    }
    // The driver has it, and leaves it out of its types.
    const time = (session as { snapshotTime?: mongoose.mongo.Timestamp }).snapshotTime;
    if (!time) throw new CommandFailed('there is nothing in this database; is MONGODB_URI right?');
    const what = {
      database: connection.name,
      clusterTime: { t: time.getHighBits() >>> 0, i: time.getLowBits() >>> 0 },
      beganTime,
      endedTime: new Date().toISOString(),
      collections,
    };
    await archive.finish(what);
    const documents = collections.reduce((sum, each) => sum + each.documents, 0);
    say(
      `${collections.length} collections, ${documents} documents as of ${new Date(what.clusterTime.t * 1_000).toISOString()}`,
    );
    return { version: 1, ...what };
  } catch (error) {
    throw inWords(error);
  } finally {
    await session.endSession();
  }
}

function inWords(error: unknown): unknown {
  const code = error instanceof mongoose.mongo.MongoServerError ? error.code : undefined;
  if (code === SNAPSHOT_TOO_OLD)
    return new CommandFailed(
      'MongoDB no longer keeps the moment that is being read; set its parameter minSnapshotHistoryWindowInSeconds (300 by default) to longer than a backup takes',
    );
  if (code === SNAPSHOT_UNAVAILABLE)
    return new CommandFailed('a collection or an index was made meanwhile; begin again, into an empty folder');
  return error;
}

const SNAPSHOT_TOO_OLD = 239;
const SNAPSHOT_UNAVAILABLE = 246;
