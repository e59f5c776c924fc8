import type { mongo } from 'mongoose';

/** The time of the last write that the database knows of, as its oplog counts: later than all that was committed before this was asked. */
export async function databaseTime(db: Pick<mongo.Db, 'command'>): Promise<mongo.Timestamp> {
  const { operationTime } = await db.command({ ping: 1 });
  return operationTime as mongo.Timestamp; // replica sets and clusters always say it
}
