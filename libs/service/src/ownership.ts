import { randomUUID } from 'node:crypto';
import type { Connection } from 'mongoose';

/** The collection that says whose a database is. */
export const OWNER = 'owner';

/** The shard that a clinic database belongs to, with the id that this database drew when it was made. */
export interface ShardOwner {
  readonly shardId: string;
  readonly installationId: string;
}

interface OwnerDocument extends Partial<ShardOwner> {
  readonly _id: typeof OWNER;
  readonly holds: 'clinic' | 'gatekeeper' | 'directory';
  /** The name of a clinic database when it was claimed: a copy under another name is not the shard's. */
  readonly database?: string;
  readonly claimedTime: Date;
}

/** A database, or a part of Kafka or Kafka Connect, belongs to another shard. The message says in one line what to change. */
export class ForeignOwner extends Error {
  override readonly name = 'ForeignOwner';
}

/**
 * Claims the clinic database for a shard: the first claim is kept for ever.
 * @throws {ForeignOwner} when the database belongs to another shard or holds something else
 */
export async function claimClinicDatabase(connection: Connection, shardId: string): Promise<ShardOwner> {
  const database = connection.name;
  const found = await claimed(connection, { holds: 'clinic', shardId, installationId: randomUUID(), database });
  const { installationId } = found;
  if (found.holds !== 'clinic' || found.shardId !== shardId || installationId === undefined)
    throw foreign(connection, found, `shard ${shardId}`, 'MONGODB_URI or SHARD_ID');
  if (found.database !== undefined && found.database !== database)
    throw new ForeignOwner(
      `the database ${database} is a copy of the clinic database ${found.database} of shard ${shardId}: change MONGODB_URI, or, if it is to take that one's place, use caregate restore`,
    );
  return { shardId, installationId };
}

/**
 * Claims the gatekeeper database for the shard whose clinic database it is a replica of.
 * @throws {ForeignOwner} when it belongs to another clinic database or holds something else
 */
export async function claimGatekeeperDatabase(connection: Connection, owner: ShardOwner): Promise<void> {
  const found = await claimed(connection, { holds: 'gatekeeper', ...owner });
  if (found.holds !== 'gatekeeper' || found.installationId !== owner.installationId)
    throw foreign(
      connection,
      found,
      `the clinic database of shard ${owner.shardId} in MONGODB_URI`,
      'GATEKEEPER_MONGODB_URI, or drop the database if nobody uses it',
    );
}

/** @throws {ForeignOwner} when the database belongs to a shard */
export async function claimDirectoryDatabase(connection: Connection): Promise<void> {
  const found = await claimed(connection, { holds: 'directory' });
  if (found.holds !== 'directory') throw foreign(connection, found, 'the directory', 'MONGODB_URI');
}

/** Whose the clinic database is that this connection is to; it was claimed before the connection was opened. */
export async function ownerOf(connection: Connection): Promise<ShardOwner> {
  const { shardId, installationId } = (await connection.collection<OwnerDocument>(OWNER).findOne({ _id: OWNER })) ?? {};
  if (shardId === undefined || installationId === undefined) throw new Error('the clinic database is not claimed yet');
  return { shardId, installationId };
}

/** The claim that is there; this one where there was none. */
async function claimed(
  connection: Connection,
  claim: Omit<OwnerDocument, '_id' | 'claimedTime'>,
): Promise<OwnerDocument> {
  const owners = connection.collection<OwnerDocument>(OWNER);
  await owners.updateOne(
    { _id: OWNER },
    { $setOnInsert: { ...claim, claimedTime: new Date() } },
    { upsert: true, writeConcern: { w: 'majority', journal: true } },
  );
  const found = await owners.findOne({ _id: OWNER });
  if (!found) throw new Error('the claim of a database was taken away while it was made');
  return found;
}

function foreign(connection: Connection, found: OwnerDocument, wanted: string, change: string): ForeignOwner {
  const { holds, shardId } = found;
  const whose = holds === 'directory' ? 'the directory' : `shard ${shardId}, as its ${holds} database`;
  return new ForeignOwner(
    `the database ${connection.name} belongs to ${whose}, and this app is started for ${wanted}: change ${change}`,
  );
}
