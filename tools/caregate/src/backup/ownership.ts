import { randomUUID } from 'node:crypto';
import { OWNER, type ShardOwner } from '@caregate/service/ownership';
import mongoose, { type Connection } from 'mongoose';
import { CommandFailed } from '../command-failed.ts';
import type { Archive, Manifest } from './archive.ts';

/** What a database, a topic or a connector says of whose it is. */
export type Owner = Partial<ShardOwner>;

/** Whose the backed up database was; undefined in a backup of before databases said so. */
export async function ownerInBackup(archive: Archive, { collections }: Manifest): Promise<Owner | undefined> {
  if (!collections.some(({ name }) => name === OWNER)) return undefined;
  for await (const document of archive.documents(OWNER)) return mongoose.mongo.BSON.deserialize(document) as Owner; // as the apps write it
  return undefined;
}

export async function ownerOfDatabase(connection: Connection): Promise<Owner | undefined> {
  return (await connection.collection<Owner & { _id: string }>(OWNER).findOne({ _id: OWNER })) ?? undefined;
}

/**
 * A restored database is the shard's, whatever its name. With what Kafka and Connect know of the lost one forgotten, it is an installation of
 * its own, so that the lost one, should it come back, cannot go on beside it.
 */
export async function claimRestored(connection: Connection, anew: boolean): Promise<void> {
  await connection
    .collection<{ _id: string }>(OWNER)
    .updateOne({ _id: OWNER }, { $set: { database: connection.name, ...(anew && { installationId: randomUUID() }) } });
}

/** @throws {CommandFailed} when a backup would be restored over what belongs to another shard */
export function assertSameShard(shardId: string | undefined, what: string, found: Owner | undefined): void {
  if (shardId === undefined || found?.shardId === undefined || found.shardId === shardId) return;
  throw new CommandFailed(
    `${what} belongs to shard ${found.shardId}, and this is a restore of shard ${shardId}: check the settings and the folder; nothing was restored`,
  );
}
