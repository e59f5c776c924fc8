import { type Connection, type mongo } from 'mongoose';
import type { StreamEvent } from './event-stream.ts';

/** One restore of the clinic database: between the moment of the backup and its end lies a time that is undone. */
export interface RestoreDocument {
  readonly _id: string;
  /** The state that was restored is that of this moment. */
  readonly backup: mongo.Timestamp;
  /** No app wrote between the restore's end and this moment, and none before in the restored database. */
  readonly restored: mongo.Timestamp;
  readonly restoredTime: Date;
  /** Up to where the worker had dealt with each topic when the database was lost: what is before was reacted to. */
  readonly dealtWith: readonly { readonly topic: string; readonly partition: number; readonly offset: string }[];
}

export const RESTORES = 'restores';

/**
 * When an event happened, as seen from the restores of the database: in the time that counts; before a backup that was restored, so that its effects
 * may be missing; or in a time that is undone.
 */
export type Standing = 'counts' | 'before a restore' | 'undone';

type Place = { readonly topic: string; readonly partition: number; readonly offset: bigint };
type Moment = Pick<StreamEvent, 'time' | 'moment'>;

/** What is known of the restores of the clinic database. Apps are stopped during one, so it is read once. */
export class Restores {
  static readonly none = new Restores([]);
  private readonly restores: readonly RestoreDocument[];

  constructor(restores: readonly RestoreDocument[]) {
    this.restores = restores;
  }

  static async of(connection: Connection): Promise<Restores> {
    const { db } = connection;
    if (!db) throw new Error('not connected');
    return new Restores(await db.collection<RestoreDocument>(RESTORES).find().toArray());
  }

  standingOf(event: Moment): Standing {
    if (this.restores.some(({ backup, restored }) => isAfter(event, backup) && !isAfter(event, restored)))
      return 'undone';
    return this.restores.some(({ backup }) => !isAfter(event, backup)) ? 'before a restore' : 'counts';
  }

  /** Whether the worker had dealt with a message when a database was lost that has been restored since. */
  wasDealtWith({ topic, partition, offset }: Place): boolean {
    return this.restores.some(({ dealtWith }) =>
      dealtWith.some((each) => each.topic === topic && each.partition === partition && offset < BigInt(each.offset)),
    );
  }
}

/** Of what has no moment in the oplog its time is compared, in whole seconds. */
function isAfter({ moment, time }: Moment, than: mongo.Timestamp): boolean {
  const t = than.getHighBits() >>> 0;
  if (!moment) return Math.floor(time.getTime() / 1_000) > t;
  return moment.t > t || (moment.t === t && moment.i > than.getLowBits() >>> 0);
}
