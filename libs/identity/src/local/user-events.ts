import { randomUUID } from 'node:crypto';
import { CloudEvent } from 'cloudevents';
import type { ClientSession, Connection } from 'mongoose';
import type { UserId } from '../user-id.ts';

/** Where the events wait for their way out: the oplog carries them from here to Kafka (design, decision 5). */
export const USER_EVENTS = 'user_events';
/**
 * Longer than the oplog and the topic reach back, so that a worker that missed one finds it here; shorter than it is known that events were
 * reacted to (30 days), or it would take those for missed.
 */
export const USER_EVENTS_KEPT_DAYS = 28;

/**
 * What happened to a user's account, written in the transaction that did it, as CloudEvents 1.0 in the shape of the public system's
 * (behaviour, "Change events and the worker"). They hold ids only: topics outlive the user, and consumers read the rest from the database.
 */
export class UserEvents {
  private readonly connection: Connection;
  private readonly shardId: string;

  constructor(connection: Connection, shardId: string) {
    this.connection = connection;
    this.shardId = shardId;
  }

  static async prepare(connection: Connection): Promise<void> {
    const events = connection.collection(USER_EVENTS);
    // deletions, which an account that moves must not outrun
    await events.createIndex({ 'event.type': 1 }, { partialFilterExpression: { 'event.type': 'users:delete' } });
    // and new emails, which must have reached all records before
    await events.createIndex(
      { 'event.type': 1, createdTime: 1 },
      { partialFilterExpression: { 'event.type': 'users:update' } },
    );
    const create = () => events.createIndex({ createdTime: 1 }, { expireAfterSeconds: USER_EVENTS_KEPT_DAYS * 86_400 });
    try {
      await create();
    } catch (error) {
      if (!(error instanceof Error && 'codeName' in error && error.codeName === 'IndexOptionsConflict')) throw error;
      // Of a version that kept them for a week. The apps may not change an index in place.
      await events.dropIndex('createdTime_1').catch(() => undefined); // another copy may be first
      await create();
    }
  }

  created(userid: UserId, session: ClientSession): Promise<void> {
    return this.write('users:create', userid, { userid }, session);
  }

  /** A user has another email. */
  updated(userid: UserId, session: ClientSession): Promise<void> {
    return this.write('users:update', userid, { original: { userid }, updated: { userid } }, session);
  }

  deleted(userid: UserId, session: ClientSession): Promise<void> {
    return this.write('users:delete', userid, { userid }, session);
  }

  /** Ours alone: a move brought users whose email another user of the shard has. */
  async emailsShared(userids: readonly UserId[], session: ClientSession): Promise<void> {
    for (const userid of userids) await this.write('users:email_shared', userid, { userid }, session);
  }

  private async write(type: string, subject: UserId, data: object, session: ClientSession): Promise<void> {
    const source = `/caregate/${this.shardId}/identity`;
    const event = new CloudEvent({
      id: randomUUID(),
      type,
      source,
      subject,
      datacontenttype: 'application/json',
      data,
    });
    await this.connection
      .collection(USER_EVENTS)
      .insertOne({ createdTime: new Date(), event: event.toJSON() }, { session });
  }
}
