import { randomUUID } from 'node:crypto';
import { CloudEvent } from 'cloudevents';
import type { ClientSession, Connection } from 'mongoose';
import type { UserId } from '../user-id.ts';

/** Where the events wait for their way out: the oplog carries them from here to Kafka (design, decision 5). */
export const USER_EVENTS = 'user_events';
/** Longer than the oplog reaches back. */
const KEPT_SECONDS = 7 * 86_400;

/**
 * What happened to a user's account, written in the transaction that did it, as CloudEvents 1.0 in the shape of the public system's
 * (behaviour, "Change events and the worker"). They hold ids only: topics outlive the user, and consumers read the rest from the database.
 */
export class UserEvents {
  constructor(
    private readonly connection: Connection,
    private readonly shardId: string,
  ) {}

  static async prepare(connection: Connection): Promise<void> {
    await connection.collection(USER_EVENTS).createIndex({ createdTime: 1 }, { expireAfterSeconds: KEPT_SECONDS });
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
