import { randomUUID } from 'node:crypto';
import { CloudEvent } from 'cloudevents';
import type { ClientSession, Connection } from 'mongoose';
import type { UserRecord } from './users.repository.ts';

/** Where the events wait for their way out: the oplog carries them from here to Kafka (design, decision 5). */
export const USER_EVENTS = 'user_events';
/** Longer than the oplog reaches back. */
const KEPT_SECONDS = 7 * 86_400;

type Told = Pick<UserRecord, '_id' | 'email' | 'roles' | 'profile'>;

/** What happened to a user's account, written in the transaction that did it, as CloudEvents 1.0 (behaviour, "Change events and the worker"). */
export class UserEvents {
  constructor(
    private readonly connection: Connection,
    private readonly shardId: string,
  ) {}

  static async prepare(connection: Connection): Promise<void> {
    await connection.collection(USER_EVENTS).createIndex({ createdTime: 1 }, { expireAfterSeconds: KEPT_SECONDS });
  }

  created(user: Told, session: ClientSession): Promise<void> {
    return this.write('users:create', user, accountOf(user), session);
  }

  updated(original: Told, updated: Told, session: ClientSession): Promise<void> {
    const data = { original: accountOf(original), updated: accountOf(updated) };
    return this.write('users:update', updated, data, session);
  }

  deleted(user: Told, session: ClientSession): Promise<void> {
    return this.write('users:delete', user, { ...accountOf(user), fullName: user.profile?.fullName ?? '' }, session);
  }

  private async write(type: string, { _id }: Told, data: object, session: ClientSession): Promise<void> {
    const source = `/caregate/${this.shardId}/identity`;
    const event = new CloudEvent({
      id: randomUUID(),
      type,
      source,
      subject: _id,
      datacontenttype: 'application/json',
      data,
    });
    await this.connection
      .collection(USER_EVENTS)
      .insertOne({ createdTime: new Date(), event: event.toJSON() }, { session });
  }
}

/** A user as the public system's events show one. */
function accountOf({ _id, email, roles }: Told) {
  return { userid: _id, username: email ?? '', emails: email === undefined ? [] : [email], roles };
}
