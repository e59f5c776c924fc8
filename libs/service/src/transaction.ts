import type { ClientSession, Connection } from 'mongoose';
import { letCompanionWrite } from './companion.ts';

/**
 * Runs `work` in one transaction (majority, journaled). The driver repeats it when a concurrent transaction got in the way,
 * so `work` must not do anything outside the database that cannot be repeated.
 */
export async function inTransaction<T>(connection: Connection, work: (session: ClientSession) => Promise<T>): Promise<T> {
  const session = await connection.startSession();
  try {
    const withCompanion = async () => {
      const result = await work(session);
      await letCompanionWrite(session);
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
