import { Injectable } from '@nestjs/common';
import {
  BEGINNINGS,
  type OplogTime,
  type SourcesBeginning,
  type SourceStart,
  workerCollections,
} from '@caregate/change-events';
import { LIMITED_COLLECTIONS } from '@caregate/clinic-model';
import { USER_EVENTS } from '@caregate/identity';
import { databaseTime, InjectMongo, limitDocuments } from '@caregate/service';
import type { Connection, mongo } from 'mongoose';

/** A database whose first document is younger than this is a new shard: all of its changes are reacted to. Of an older one, none from before. */
const NEW_SECONDS = 3_600;
/** The clocks of those who make ids and of the database may differ by this much. */
const CLOCK_SECONDS = 10;

/** Collections that kept pre-images while events said what a document was before. */
const HAD_PRE_IMAGES = ['clinics', 'clinicians'] as const;

/**
 * What the clinic database needs before its changes can be read: a known beginning, documents that stay small, and no pre-images, which hold
 * names. Of a shard's apps this one may change collections.
 */
@Injectable()
export class PrepareSourcesService {
  private chosen: SourcesBeginning | undefined;

  constructor(@InjectMongo() private readonly connection: Connection) {}

  /** Can be repeated. */
  async prepareCollections(): Promise<void> {
    await limitDocuments(this.connection, [...LIMITED_COLLECTIONS, 'users', USER_EVENTS]);
    const found = await this.database.listCollections({ name: { $in: [...HAD_PRE_IMAGES] } }).toArray();
    // The driver's type leaves the options open.
    for (const { name } of found.filter((each) => keepsPreImages(each as { options?: mongo.Document })))
      await this.database.command({ collMod: name, changeStreamPreAndPostImages: { enabled: false } });
  }

  /**
   * Where the worker's sources begin when they have no offset: the same for ever once chosen, so that connectors put again on a new
   * Kafka Connect miss nothing that the oplog still has.
   */
  async beginning(): Promise<OplogTime> {
    return pointOf((await this.chosenBeginning()).startAt);
  }

  /** Where the source of user events begins when it has no offset: after a restore with what the collection has of the time before. */
  async beginningOfUserEvents(): Promise<SourceStart> {
    const { startAt, userEventsSince: since } = await this.chosenBeginning();
    return since ? { mode: 'copy_existing', since } : { mode: 'timestamp', at: pointOf(startAt) };
  }

  private async chosenBeginning(): Promise<SourcesBeginning> {
    this.chosen ??= await this.choose();
    return this.chosen;
  }

  private async choose(): Promise<SourcesBeginning> {
    const beginnings = this.connection.collection<SourcesBeginning>(BEGINNINGS);
    const worker = { _id: 'worker' };
    const chosen = await beginnings.findOne(worker);
    if (chosen) return chosen;
    const startAt = await this.recentPoint();
    await beginnings.updateOne(worker, { $setOnInsert: { startAt } }, { upsert: true });
    return (await beginnings.findOne(worker)) ?? { ...worker, startAt };
  }

  /** Sources read the oplog from here on, each on its own: the less of it, the sooner they run. */
  private async recentPoint(): Promise<mongo.Timestamp> {
    const now = await databaseTime(this.database);
    const [first, firstOfOplog] = await Promise.all([this.firstDocument(), this.firstOfOplog()]);
    const t = (first !== undefined && first > now.t - NEW_SECONDS ? Math.min(first, now.t) : now.t) - CLOCK_SECONDS;
    const wished = new this.connection.base.mongo.Timestamp({ t, i: 1 });
    return firstOfOplog?.greaterThan(wished) ? firstOfOplog : wished;
  }

  /** When the oldest document that sources watch was made, in seconds, as its id says. */
  private async firstDocument(): Promise<number | undefined> {
    const { ObjectId } = this.connection.base.mongo;
    const oldest = await Promise.all(
      workerCollections.map((name) =>
        this.database.collection(name).findOne({}, { sort: { _id: 1 }, projection: { _id: 1 } }),
      ),
    );
    const times = oldest.flatMap((found) =>
      found?._id instanceof ObjectId ? [found._id.getTimestamp().getTime() / 1000] : [],
    );
    return times.length > 0 ? Math.min(...times) : undefined;
  }

  /** Undefined where the user may not read the oplog, or behind a mongos. */
  private async firstOfOplog(): Promise<mongo.Timestamp | undefined> {
    try {
      const oplog = this.connection.getClient().db('local').collection<{ ts: mongo.Timestamp }>('oplog.rs');
      return (await oplog.findOne({}, { sort: { $natural: 1 }, projection: { ts: 1 } }))?.ts;
    } catch {
      return undefined;
    }
  }

  private get database() {
    const { db } = this.connection;
    if (!db) throw new Error('MongoDB is not connected yet');
    return db;
  }
}

const pointOf = ({ t, i }: mongo.Timestamp): OplogTime => ({ t, i });

const keepsPreImages = ({ options }: { options?: mongo.Document }) =>
  options?.changeStreamPreAndPostImages?.enabled === true;
