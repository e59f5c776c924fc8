import { type ClientSession, type Connection, mongo } from 'mongoose';
import { letCompanionWrite } from './companion.ts';
import { noteTrace, prepareTraceNotes } from './tracing/trace-notes.ts';

const DUPLICATE_KEY = 11_000;

/** Says whether a unique index refused a write; with `field`, whether it was an index on that field. */
export function isDuplicateKey(error: unknown, field?: string): error is mongo.MongoServerError {
  if (!(error instanceof mongo.MongoServerError) || error.code !== DUPLICATE_KEY) return false;
  return field === undefined || field in (error['keyPattern'] ?? {});
}

/**
 * Runs `work` in one transaction (majority, journaled). The driver repeats it when a concurrent transaction got in the way,
 * so `work` must not do anything outside the database that cannot be repeated.
 */
export async function inTransaction<T>(
  connection: Connection,
  work: (session: ClientSession) => Promise<T>,
): Promise<T> {
  await prepareTraceNotes(connection);
  const session = await connection.startSession();
  try {
    const withCompanion = async () => {
      const result = await work(session);
      await letCompanionWrite(session);
      await noteTrace(connection, session);
      return result;
    };
    return await session.withTransaction(withCompanion, {
      readConcern: { level: 'snapshot' },
      writeConcern: { w: 'majority', journal: true },
    });
  } finally {
    await session.endSession();
  }
}
