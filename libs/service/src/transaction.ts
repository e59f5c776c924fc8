import { type ClientSession, type Connection, mongo } from 'mongoose';
import { AsyncLocalStorage } from 'node:async_hooks';
import { letCompanionWrite } from './companion.ts';
import { noteTrace, prepareTraceNotes } from './tracing/trace-notes.ts';

const DUPLICATE_KEY = 11_000;

/** Says whether a unique index refused a write; with `field`, whether it was an index on that field. */
export function isDuplicateKey(error: unknown, field?: string): error is mongo.MongoServerError {
  if (!(error instanceof mongo.MongoServerError) || error.code !== DUPLICATE_KEY) return false;
  return field === undefined || field in (error['keyPattern'] ?? {});
}

/** Looks within a transaction, before anything else in it, whether it may go on. */
export type Guard = (session: ClientSession) => Promise<void>;

const guards = new AsyncLocalStorage<Guard>();

/** Runs `work` so that every transaction in it begins with what `guard` looks at, in one snapshot with all that it writes. */
export function guarded<T>(guard: Guard, work: () => T): T {
  return guards.run(guard, work);
}

/** Whether what runs now was given to `guarded`. */
export const isGuarded = (): boolean => guards.getStore() !== undefined;

/**
 * Runs `work` in one transaction (majority, journaled). The driver repeats it when a concurrent transaction got in the way,
 * so `work` must not do anything outside the database that cannot be repeated.
 */
export async function inTransaction<T>(
  connection: Connection,
  work: (session: ClientSession) => Promise<T>,
): Promise<T> {
  await prepareTraceNotes(connection);
  return inTransactionAlone(connection, async (session) => {
    const result = await work(session);
    await letCompanionWrite(session);
    await noteTrace(connection, session);
    return result;
  });
}

/** As `inTransaction`, for a write beside the one that a request is about: what goes along with that one does not go along with this. */
export async function inTransactionAlone<T>(
  connection: Connection,
  work: (session: ClientSession) => Promise<T>,
): Promise<T> {
  const session = await connection.startSession();
  try {
    const guardedWork = async () => {
      await guards.getStore()?.(session);
      return work(session);
    };
    return await session.withTransaction(guardedWork, {
      readConcern: { level: 'snapshot' },
      writeConcern: { w: 'majority', journal: true },
    });
  } finally {
    await session.endSession();
  }
}
