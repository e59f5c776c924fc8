import { randomUUID } from 'node:crypto';
import type { PermissionReplica } from '@caregate/change-events';
import { Injectable } from '@nestjs/common';
import type { Connection } from 'mongoose';
import { InjectGatekeeper } from '../gatekeeper-database.ts';

/** Replicas are in doubt by the stream that they travel by. */
export type Stream = PermissionReplica['topic'];

interface DoubtDocument {
  readonly _id: Stream;
  /** Another one each time that the stream gets into doubt, so that a comparison that began before settles only what it knew. */
  readonly token: string;
  readonly since: Date;
}

export interface Doubt {
  readonly stream: Stream;
  readonly token: string;
}

/**
 * Streams whose replicas may differ from their sources although canaries pass: the source begins anew, which leaves rows of documents over
 * that were deleted meanwhile; or messages that nobody can read are left out, and good ones among them. A doubt is in the gatekeeper database, so that every
 * copy of the app knows it and a crash does not lose it. A comparison of the replicas with their sources settles it.
 */
@Injectable()
export class ReplicaDoubts {
  constructor(@InjectGatekeeper() private readonly connection: Connection) {}

  /** To be called before whatever gives reason to doubt. */
  async raise(stream: Stream): Promise<void> {
    await this.doubts.updateOne(
      { _id: stream },
      { $set: { token: randomUUID(), since: new Date() } },
      { upsert: true, writeConcern: { w: 'majority' } },
    );
  }

  async open(): Promise<Doubt[]> {
    const found = await this.doubts.find().toArray();
    return found.map(({ _id, token }) => ({ stream: _id, token }));
  }

  /** After a comparison that began when these were open. */
  async settle(doubts: readonly Doubt[]): Promise<void> {
    for (const { stream, token } of doubts) await this.doubts.deleteOne({ _id: stream, token });
  }

  private get doubts() {
    return this.connection.collection<DoubtDocument>('replica_doubts');
  }
}
