import { randomUUID } from 'node:crypto';
import { isDuplicateKey } from '@caregate/service/transaction';
import type { Connection } from 'mongoose';

/**
 * One email to one recipient, as it is remembered: ids only. The address and the text are made anew for each attempt and kept nowhere.
 * `sending` under a lease, `waiting` for another attempt, then `sent`, or `given_up` when the server will never take it.
 * From `handedOverTime` on the server may have the message, whatever becomes of the sender; the lease is long then.
 */
export interface MailDelivery {
  readonly _id: string;
  readonly template: string;
  readonly userId?: string;
  readonly clinicId?: string;
  readonly state: 'sending' | 'waiting' | 'sent' | 'given_up';
  readonly claim?: string;
  readonly leaseUntil?: Date;
  readonly handedOverTime?: Date;
  /** Not before this time. */
  readonly due?: Date;
  /** How often nobody knew whether the server took it. */
  readonly unknownOutcomes?: number;
  readonly attempts: number;
  readonly messageId: string;
  readonly reason?: string;
  readonly createdTime: Date;
  readonly endedTime?: Date;
}

export type Claimed = 'sent' | 'given_up' | 'busy' | { readonly notBefore: Date } | { readonly claim: string };

export const MAIL_DELIVERIES = 'mail_deliveries';
const KEPT_DAYS = 400;
/** The longest wait after an unknown outcome, in milliseconds: then a day has some five attempts. */
const LONGEST_WAIT_MS = 6 * 3_600_000;

/** RFC 5321, 4.5.4.1: between two attempts at least so long. A server that has taken a message may still be about to deliver it. */
export const HALF_AN_HOUR_MS = 30 * 60_000;

/** Who was sent what, once. */
export class Deliveries {
  private readonly connection: Connection;
  private readonly lease: number;
  private readonly wait: number;

  /**
   * @param lease milliseconds after which an attempt that was not heard of again may be repeated, when it had not handed the message over
   * @param wait milliseconds after which it may be repeated when the server may have the message; the first of growing ones
   */
  constructor(connection: Connection, lease: number, wait = HALF_AN_HOUR_MS) {
    this.connection = connection;
    this.lease = lease;
    this.wait = wait;
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
        {
          _id,
          $or: [
            { state: 'waiting', due: { $not: { $gt: now } } },
            { state: 'sending', leaseUntil: { $lte: now } },
          ],
        },
        {
          $set: { state: 'sending', claim, leaseUntil: new Date(now.getTime() + this.lease) },
          $unset: { due: '', handedOverTime: '' },
          $inc: { attempts: 1 },
          $setOnInsert: { ...fields, createdTime: now },
        },
        { upsert: true },
      );
      return { claim };
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
      const projection = { state: 1, due: 1, handedOverTime: 1, leaseUntil: 1 };
      const { state, due, handedOverTime, leaseUntil } = (await this.deliveries.findOne({ _id }, { projection })) ?? {};
      if (state === 'waiting' && due) return { notBefore: due };
      // Whoever handed it over was not heard of again: nobody knows whether the server took it.
      const isSilent = handedOverTime !== undefined && now.getTime() - handedOverTime.getTime() > this.lease;
      if (state === 'sending' && isSilent && leaseUntil) return { notBefore: leaseUntil };
      return state === 'sent' || state === 'given_up' ? state : 'busy';
    }
  }

  /**
   * Notes that the server is about to get the message. False when somebody else has taken the delivery over meanwhile, as after a pause that was
   * longer than the lease: then it must not get it.
   */
  async handOver(_id: string, claim: string): Promise<boolean> {
    const now = new Date();
    const { matchedCount } = await this.deliveries.updateOne(
      { _id, claim },
      { $set: { handedOverTime: now, leaseUntil: new Date(now.getTime() + this.wait) } },
    );
    return matchedCount === 1;
  }

  end(_id: string, claim: string, state: 'sent' | 'given_up', reason?: string): Promise<unknown> {
    return this.deliveries.updateOne(
      { _id, claim },
      {
        $set: { state, endedTime: new Date(), ...(reason !== undefined && { reason }) },
        $unset: { claim: '', leaseUntil: '', due: '' },
      },
    );
  }

  /** Nobody knows whether the server took it: the next attempt comes after a wait, which doubles each time. Gives how long, in milliseconds. */
  async leaveInDoubt(_id: string, claim: string, reason: string): Promise<number> {
    const now = new Date();
    const before = await this.deliveries.findOne({ _id, claim }, { projection: { unknownOutcomes: 1 } });
    const unknownOutcomes = (before?.unknownOutcomes ?? 0) + 1;
    const wait = Math.min(this.wait * 2 ** (unknownOutcomes - 1), Math.max(LONGEST_WAIT_MS, this.wait));
    await this.deliveries.updateOne(
      { _id, claim },
      {
        $set: { state: 'waiting', reason, unknownOutcomes, due: new Date(now.getTime() + wait) },
        $unset: { claim: '', leaseUntil: '', handedOverTime: '' },
      },
    );
    return wait;
  }

  postpone(_id: string, claim: string, reason: string): Promise<unknown> {
    return this.deliveries.updateOne(
      { _id, claim },
      { $set: { state: 'waiting', reason }, $unset: { claim: '', leaseUntil: '', handedOverTime: '' } },
    );
  }

  /** What never reached its recipient, newest first. */
  givenUp(limit = 100): Promise<MailDelivery[]> {
    return this.deliveries.find({ state: 'given_up' }).sort({ createdTime: -1 }).limit(limit).toArray();
  }
}

/** Creates the indexes of the deliveries; can be repeated. */
export const prepareMail = (connection: Connection): Promise<void> => new Deliveries(connection, 0).prepare();
