import { Injectable } from '@nestjs/common';
import { collectionsWithPreImages, workerCollections } from '@caregate/change-events';
import { InjectMongo } from '@caregate/service';
import type { Connection, mongo } from 'mongoose';

interface Point {
  readonly t: number;
  readonly i: number;
}

interface StartDocument {
  readonly _id: string;
  readonly startAt: mongo.Timestamp;
}

/** A database whose first document is younger than this is a new shard: all of its changes are reacted to. Of an older one, none from before. */
const NEW_SECONDS = 3_600;
/** The clocks of those who make ids and of the database may differ by this much. */
const CLOCK_SECONDS = 10;

/** What the clinic database needs before its changes can be read: pre-images where reactions compare, and a known beginning. */
@Injectable()
export class PrepareSourcesService {
  private chosen: Point | undefined;

  constructor(@InjectMongo() private readonly connection: Connection) {}

  /** Can be repeated. Without pre-images the events lack the document before the change. */
  async keepPreImages(): Promise<void> {
    const found = await this.database.listCollections({ name: { $in: [...collectionsWithPreImages] } }).toArray();
    // The driver's type leaves the options open.
    const keep = new Set(
      found.filter((each) => keepsPreImages(each as { options?: mongo.Document })).map(({ name }) => name),
    );
    for (const name of collectionsWithPreImages) if (!keep.has(name)) await this.startPreImages(name);
  }

  private async startPreImages(name: string): Promise<void> {
    await this.database.createCollection(name).catch(ignoreExisting);
    await this.database.command({ collMod: name, changeStreamPreAndPostImages: { enabled: true } });
  }

  /**
   * Where the worker's sources begin when they have no offset: the same for ever once chosen, so that connectors put again on a new
   * Kafka Connect miss nothing that the oplog still has.
   */
  async beginning(): Promise<Point> {
    this.chosen ??= await this.choose();
    return this.chosen;
  }

  private async choose(): Promise<Point> {
    const beginnings = this.connection.collection<StartDocument>('change_event_beginnings');
    const chosen = await beginnings.findOne({ _id: 'worker' });
    if (chosen) return pointOf(chosen.startAt);
    const startAt = await this.recentPoint();
    await beginnings.updateOne({ _id: 'worker' }, { $setOnInsert: { startAt } }, { upsert: true });
    const settled = await beginnings.findOne({ _id: 'worker' });
    return pointOf(settled?.startAt ?? startAt);
  }

  /** For a source that lost its place: the earliest that can still be read. */
  async earliest(): Promise<Point> {
    return pointOf((await this.firstOfOplog()) ?? (await this.now()));
  }

  /** Sources read the oplog from here on, each on its own: the less of it, the sooner they run. */
  private async recentPoint(): Promise<mongo.Timestamp> {
    const now = await this.now();
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

  private async now(): Promise<mongo.Timestamp> {
    const { operationTime } = await this.database.command({ ping: 1 });
    return operationTime as mongo.Timestamp; // replica sets and clusters always say it
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

const pointOf = ({ t, i }: mongo.Timestamp): Point => ({ t, i });

const keepsPreImages = ({ options }: { options?: mongo.Document }) =>
  options?.changeStreamPreAndPostImages?.enabled === true;

function ignoreExisting(error: unknown): void {
  if (!(error instanceof Error && 'codeName' in error && error.codeName === 'NamespaceExists')) throw error;
}
