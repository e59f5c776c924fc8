import { type Connection, mongo } from 'mongoose';

/**
 * In bytes. A request's body has 1 MiB at most, and MongoDB takes 16 MiB. What is larger than this has grown by accident or by an attack,
 * and is refused while everything around it still works: change events, moves and backups.
 */
export const LARGEST_DOCUMENT = 2 * 1024 * 1024;

const VALIDATION_FAILED = 121;
const validator = { $expr: { $lte: [{ $bsonSize: '$$ROOT' }, LARGEST_DOCUMENT] } };

/**
 * Makes MongoDB refuse documents of these collections that are larger than {@link LARGEST_DOCUMENT}, whatever writes them. A document that is
 * larger already can still be changed. Can be repeated; the collections have to be there. An app whose user may not change collections
 * (`collMod`) leaves it to one whose user may: of a shard's apps that is gatekeeper-sync.
 */
export async function limitDocuments(connection: Connection, collections: readonly string[]): Promise<void> {
  const { db } = connection;
  if (!db) throw new Error('MongoDB is not connected yet');
  const found = await db.listCollections({ name: { $in: [...collections] } }).toArray();
  for (const each of found) {
    const { options } = each as { options?: mongo.Document }; // the driver's type leaves the options open
    if (JSON.stringify(options?.['validator']) === JSON.stringify(validator)) continue;
    await db
      .command({ collMod: each.name, validator, validationLevel: 'moderate', validationAction: 'error' })
      .catch(ignoreForbidden);
  }
}

const FORBIDDEN = 13;

function ignoreForbidden(error: unknown): void {
  if (!(error instanceof mongo.MongoServerError && error.code === FORBIDDEN)) throw error;
}

/** Says whether a write was refused because its document would have become too large. */
export const isTooLarge = (error: unknown): boolean =>
  error instanceof mongo.MongoServerError && error.code === VALIDATION_FAILED;
