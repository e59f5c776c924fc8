import { randomUUID } from 'node:crypto';
import { isDuplicateKey } from '@caregate/service/transaction';
import type { Connection } from 'mongoose';

/**
 * One email to one recipient, as it is remembered: ids only. The address and the text are made anew for each attempt and kept nowhere.
 * `sending` under a lease, `waiting` for another attempt, then `sent`, or `given_up` when the server will never take it.
 */
export interface MailDelivery {
  readonly _id: string;
  readonly template: string;
  readonly userId?: string;
  readonly clinicId?: string;
  readonly state: 'sending' | 'waiting' | 'sent' | 'given_up';
  readonly claim?: string;
  readonly leaseUntil?: Date;
  readonly attempts: number;
  readonly messageId: string;
  readonly reason?: string;
  readonly createdTime: Date;
  readonly endedTime?: Date;
}

export type Claimed = 'sent' | 'given_up' | 'busy' | { readonly claim: string };

export const MAIL_DELIVERIES = 'mail_deliveries';
const KEPT_DAYS = 400;

/** Who was sent what, once. */
export class Deliveries {
  private readonly connection: Connection;
  private readonly lease: number;

  /** @param lease milliseconds after which an attempt that was not heard of again may be repeated */
  constructor(connection: Connection, lease: number) {
    this.connection = connection;
    this.lease = lease;
  }

  private get deliveries() {
    return this.connection.getClient().db(this.connection.name).collection<MailDelivery>(MAIL_DELIVERIES);
  }

  async prepare(): Promise<void> {
    await this.deliveries.createIndexes([
      { key: { state: 1, createdTime: 1 }, name: 'state' },
      { key: { clinicId: 1 }, name: 'clinic', partialFilterExpression: { clinicId: { $exists: true } } },
      // From their beginning: some never end, as when an operator drops the event that waits to be mailed.
      { key: { createdTime: 1 }, name: 'age', expireAfterSeconds: KEPT_DAYS * 86_400 },
    ]);
    await this.deliveries.dropIndex('expiry').catch(() => undefined); // of earlier versions, from their end; it does no harm
  }

  /** Takes a delivery for one attempt, unless it is over or someone else has it. */
  async claim(
    delivery: Pick<MailDelivery, '_id' | 'template' | 'userId' | 'clinicId' | 'messageId'>,
  ): Promise<Claimed> {
    const now = new Date();
    const claim = randomUUID();
    const { _id, ...fields } = delivery;
    try {
      await this.deliveries.updateOne(
        { _id, $or: [{ state: 'waiting' }, { state: 'sending', leaseUntil: { $lte: now } }] },
        {
          $set: { state: 'sending', claim, leaseUntil: new Date(now.getTime() + this.lease) },
          $inc: { attempts: 1 },
          $setOnInsert: { ...fields, createdTime: now },
        },
        { upsert: true },
      );
      return { claim };
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
      const state = (await this.deliveries.findOne({ _id }, { projection: { state: 1 } }))?.state;
      return state === 'sent' || state === 'given_up' ? state : 'busy';
    }
  }

  end(_id: string, claim: string, state: 'sent' | 'given_up', reason?: string): Promise<unknown> {
    return this.deliveries.updateOne(
      { _id, claim },
      {
        $set: { state, endedTime: new Date(), ...(reason !== undefined && { reason }) },
        $unset: { claim: '', leaseUntil: '' },
      },
    );
  }

  postpone(_id: string, claim: string, reason: string): Promise<unknown> {
    return this.deliveries.updateOne(
      { _id, claim },
      { $set: { state: 'waiting', reason }, $unset: { claim: '', leaseUntil: '' } },
    );
  }

  /** What never reached its recipient, newest first. */
  givenUp(limit = 100): Promise<MailDelivery[]> {
    return this.deliveries.find({ state: 'given_up' }).sort({ createdTime: -1 }).limit(limit).toArray();
  }
}

/** Creates the indexes of the deliveries; can be repeated. */
export const prepareMail = (connection: Connection): Promise<void> => new Deliveries(connection, 0).prepare();
