import { Injectable } from '@nestjs/common';
import type { PermissionReplica } from '@caregate/change-events';
import { InjectMongo, isDuplicateKey } from '@caregate/service';
import { type Connection, mongo } from 'mongoose';
import { InjectGatekeeper } from '../gatekeeper-database.ts';

export type Id = mongo.ObjectId | string;
export interface Row {
  readonly _id: Id;
  readonly [field: string]: unknown;
}

/** Ids above `after`, up to and including `upTo`; without them from the first, to the last and to whatever is not ordered among them. */
export interface Range {
  readonly after: Id | undefined;
  readonly upTo: Id | undefined;
}

export type Side = 'source' | 'replica';

/** Few enough digits that the sum over a range stays exact. */
const HASH_MODULUS = 2 ** 40;

/** Both sides of a replica, read by ranges. The database hashes; rows travel only where hashes differ. All by the index of `_id`. */
@Injectable()
export class DriftRepository {
  constructor(
    @InjectMongo() private readonly clinic: Connection,
    @InjectGatekeeper() private readonly gatekeeper: Connection,
  ) {}

  /** The source's ids in ranges of at most `size`, the last one open. */
  async *ranges(replica: PermissionReplica, size: number): AsyncGenerator<Range> {
    let after: Id | undefined;
    for (;;) {
      const filter = after === undefined ? {} : { _id: { $gt: after } };
      const [last] = await this.source(replica)
        .find(filter, { projection: { _id: 1 }, sort: { _id: 1 }, skip: size - 1, limit: 1 })
        .toArray();
      yield { after, upTo: last?._id };
      if (!last) return;
      after = last._id;
    }
  }

  /** How many rows a range has on a side, and the sum of their hashes. */
  async digest(replica: PermissionReplica, side: Side, range: Range): Promise<{ count: number; sum: number }> {
    const [found] = await this.collection(replica, side)
      .aggregate<{ count: number; sum: number }>([
        { $match: matching(range) },
        ...projection(replica, side),
        {
          $group: {
            _id: null,
            count: { $sum: 1 },
            sum: { $sum: { $mod: [{ $toHashedIndexKey: '$$ROOT' }, HASH_MODULUS] } },
          },
        },
      ])
      .toArray();
    return { count: found?.count ?? 0, sum: Number(found?.sum ?? 0) };
  }

  rows(replica: PermissionReplica, side: Side, range: Range): Promise<Row[]> {
    return this.find(replica, side, matching(range));
  }

  rowsOf(replica: PermissionReplica, side: Side, ids: readonly Id[]): Promise<Row[]> {
    return this.find(replica, side, { _id: { $in: [...ids] } });
  }

  /** By id, what changes with every change of the source's document, also of fields that are not replicated, such as its time. */
  async versionsOf(replica: PermissionReplica, ids: readonly Id[]): Promise<Map<string, string>> {
    const found = await this.source(replica)
      .aggregate<{ _id: Id; version: unknown }>([
        { $match: { _id: { $in: [...ids] } } },
        { $project: { version: { $toHashedIndexKey: '$$ROOT' } } },
      ])
      .toArray();
    return new Map(found.map(({ _id, version }) => [String(_id), String(version)]));
  }

  private find(replica: PermissionReplica, side: Side, filter: mongo.Filter<Row>): Promise<Row[]> {
    return this.collection(replica, side)
      .aggregate<Row>([{ $match: filter }, ...projection(replica, side)])
      .toArray();
  }

  /**
   * Sets a replica's row, provided it is still as it was seen: a change event that came in between is newer.
   * @returns whether it was
   */
  async setRow(replica: PermissionReplica, seen: Row | undefined, wanted: Row | undefined): Promise<boolean> {
    const rows = this.replica(replica);
    if (!seen) return wanted ? inserted(rows, wanted) : true;
    const asSeen = { $expr: { $eq: ['$$ROOT', { $literal: seen }] }, _id: seen._id };
    if (!wanted) return (await rows.deleteOne(asSeen)).deletedCount === 1;
    return (await rows.replaceOne(asSeen, wanted)).matchedCount === 1;
  }

  private collection(replica: PermissionReplica, side: Side): mongo.Collection<Row> {
    return side === 'source' ? this.source(replica) : this.replica(replica);
  }

  private source({ collection }: PermissionReplica): mongo.Collection<Row> {
    return databaseOf(this.clinic).collection<Row>(collection);
  }

  private replica({ replica }: PermissionReplica): mongo.Collection<Row> {
    return databaseOf(this.gatekeeper).collection<Row>(replica);
  }
}

/** The source cut to what is replicated; the replica whole, so that a field too many is a difference. */
function projection({ fields }: PermissionReplica, side: Side): mongo.Document[] {
  return side === 'source' ? [{ $project: Object.fromEntries(fields.map((field) => [field, 1])) }] : [];
}

function matching({ after, upTo }: Range): mongo.Filter<Row> {
  const between = { ...(after !== undefined && { $gt: after }), ...(upTo !== undefined && { $lte: upTo }) };
  if (Object.keys(between).length === 0) return {};
  // Comparisons hold within one type only: the last range takes in ids of every other type.
  const type = typeof after === 'string' ? 'string' : 'objectId';
  if (upTo === undefined) return { $or: [{ _id: between }, { _id: { $not: { $type: type } } }] };
  return { _id: between };
}

async function inserted(rows: mongo.Collection<Row>, row: Row): Promise<boolean> {
  try {
    await rows.insertOne(row);
    return true;
  } catch (error) {
    if (isDuplicateKey(error)) return false;
    throw error;
  }
}

function databaseOf({ db }: Connection): mongo.Db {
  if (!db) throw new Error('MongoDB is not connected yet');
  return db;
}

/** Byte by byte, as the database has it. */
export function sameRow(one: Row | undefined, other: Row | undefined): boolean {
  if (!one || !other) return one === other;
  return Buffer.compare(mongo.BSON.serialize(one), mongo.BSON.serialize(other)) === 0;
}
