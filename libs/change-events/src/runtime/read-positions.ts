import mongoose, { type Connection, type mongo } from 'mongoose';

/** How far a consumer group has read a partition, and of which topic of that name. */
export interface ReadPosition {
  readonly topic: string;
  readonly partition: number;
  /** The first message that is not finished. */
  readonly offset: bigint;
  /** Empty where the broker knows no ids. */
  readonly topicId: string;
  /** When the newest message before it was written: whatever comes after it is later. */
  readonly time: Date;
}

/** Events that were in a topic and that nobody has read, or may not have: they are gone from Kafka. */
export interface EventGap {
  readonly topic: string;
  readonly partition: number;
  readonly cause: 'topic made anew' | 'events expired';
  /** How many messages that are; absent where nobody knows. */
  readonly messages?: number;
  /** What happened before this time was read. */
  readonly since: Date;
  readonly foundTime: Date;
}

interface PositionDocument {
  readonly _id: string;
  readonly read?: { readonly offset: mongo.Long | number; readonly topicId: string; readonly time: Date };
  readonly gap?: EventGap;
}

/** Holds where the sources of the shard begin and, beside it, how far the worker has read. */
export const BEGINNINGS = 'change_event_beginnings';

/** Where the sources of a shard begin when they have no offset: the document `worker`. */
export interface SourcesBeginning {
  readonly _id: string;
  readonly startAt: mongo.Timestamp;
  /** Set by a restore: user events of since then may not have been published before the database was lost. */
  readonly userEventsSince?: Date;
}
const nameOf = ({ topic, partition }: { topic: string; partition: number }) => `${topic}/${partition}`;

/**
 * What Kafka itself forgets: with a topic it drops how far groups have read it, and a week after a group's last reader has gone it drops all
 * of that group. So the clinic database knows it, too, and what was missed until an operator has repaired it.
 */
export class ReadPositions {
  private readonly connection: Connection;
  private readonly groupId: string;

  constructor(connection: Connection, groupId: string) {
    this.connection = connection;
    this.groupId = groupId;
  }

  async load(): Promise<Map<string, ReadPosition>> {
    // From `<group>|` to what comes after all that begins so.
    const own = { _id: { $gte: `${this.groupId}|`, $lt: `${this.groupId}}` }, read: { $exists: true } };
    const positions = new Map<string, ReadPosition>();
    for await (const { _id, read } of this.documents.find(own)) {
      const name = _id.slice(this.groupId.length + 1);
      const at = name.lastIndexOf('/');
      if (!read) continue;
      positions.set(name, {
        topic: name.slice(0, at),
        partition: Number(name.slice(at + 1)),
        offset: BigInt(read.offset.toString()),
        time: read.time,
        topicId: read.topicId,
      });
    }
    return positions;
  }

  async save(positions: readonly ReadPosition[]): Promise<void> {
    if (positions.length === 0) return;
    await this.documents.bulkWrite(
      positions.map((position) => {
        const { offset, time, topicId } = position;
        const read = { offset: mongoose.mongo.Long.fromBigInt(offset), time, topicId };
        return {
          updateOne: {
            filter: { _id: `${this.groupId}|${nameOf(position)}` },
            update: { $set: { read } },
            upsert: true,
          },
        };
      }),
      { ordered: false },
    );
  }

  private get documents() {
    return documentsOf(this.connection);
  }

  /** Notes gaps until they are repaired; the same one twice is one. */
  async noteGaps(gaps: readonly EventGap[]): Promise<void> {
    for (const gap of gaps) {
      const _id = `gap|${nameOf(gap)}|${gap.since.toISOString()}`;
      await this.documents.updateOne({ _id }, { $setOnInsert: { gap } }, { upsert: true });
    }
  }
}

/** When the sources of the shard began: nothing of before is news, as after a restore. Undefined until gatekeeper-sync has chosen it. */
export async function beginningOfSources(connection: Connection): Promise<Date | undefined> {
  const chosen = await connection
    .getClient()
    .db(connection.name)
    .collection<SourcesBeginning>(BEGINNINGS)
    .findOne({ _id: 'worker' });
  return chosen ? new Date((chosen.startAt.getHighBits() >>> 0) * 1_000) : undefined;
}

/** The gaps of a shard that nobody has repaired yet, oldest first. */
export async function openGaps(connection: Connection): Promise<EventGap[]> {
  const found = await documentsOf(connection)
    .find({ _id: { $gte: 'gap|', $lt: 'gap}' } })
    .toArray();
  return found
    .flatMap(({ gap }) => (gap ? [gap] : []))
    .toSorted((one, other) => one.since.getTime() - other.since.getTime());
}

/** Of what was found until some time and is missing from a time that the repair has covered. Gives how many they were. */
export async function closeGaps(connection: Connection, repaired: { since: Date; until: Date }): Promise<number> {
  const { deletedCount } = await documentsOf(connection).deleteMany({
    _id: { $gte: 'gap|', $lt: 'gap}' },
    'gap.since': { $gte: repaired.since },
    'gap.foundTime': { $lte: repaired.until },
  });
  return deletedCount;
}

const documentsOf = (connection: Connection) =>
  connection.getClient().db(connection.name).collection<PositionDocument>(BEGINNINGS);
