import { createHmac, hkdfSync } from 'node:crypto';
import { actingUser, type Caller } from '@caregate/access';
import {
  AttemptLimit,
  CONFIG,
  type Counter,
  mailboxOf,
  Metrics,
  MONGO,
  prepareAttempts,
  TooManyRequests,
} from '@caregate/service';
import { Inject, Injectable } from '@nestjs/common';
import type { Connection } from 'mongoose';
import type { ClinicApiConfig } from '../config.ts';
import { ShardFacts } from '../gate/facts.ts';
import { LIMITS, type MailingOperation, type MailLimit } from './mails.ts';

const COLLECTION = 'mail_attempts';
const HOUR = 60;
const DAY = 24 * HOUR;

/** An operation that will bring an email about. */
export interface Mailing {
  readonly caller: Caller;
  readonly clinicId?: string;
  /** Where no clinic is there yet. */
  readonly accountId?: string | undefined;
  /** The address that it will go to, where the caller or the clinic chose it. */
  readonly to?: string | undefined;
  /** The record whose change is told. */
  readonly record?: string;
}

/**
 * How many emails people may bring about. Everybody can sign up, found clinics, and name them and their patients as they like: without limits
 * we would be a sender of whatever anybody wants to tell anybody. Counted over all copies of the app, in MongoDB, before the email is asked for.
 * Addresses are kept as keyed hashes and for a day at most. Back-end services are not counted: they are trusted with the shard, and answer for
 * what they do for people; what they bring about goes out at the pace of its account (clinic-worker).
 */
@Injectable()
export class MailLimits {
  private readonly limits: Readonly<Record<MailLimit, AttemptLimit>>;
  private readonly refusals: Readonly<Record<MailLimit, string>>;
  private readonly refused: Counter<'operation' | 'by'>;
  private readonly key: Buffer;

  constructor(
    @Inject(MONGO) connection: Connection,
    @Inject(CONFIG) config: ClinicApiConfig,
    private readonly facts: ShardFacts,
    metrics: Metrics,
  ) {
    const limit = (name: MailLimit, points: number, minutes: number) =>
      new AttemptLimit(connection, { collection: COLLECTION, name, points, minutes });
    this.limits = {
      recipient: limit('recipient', config.MAILS_PER_RECIPIENT, DAY),
      invites: limit('invites', config.INVITES_PER_HOUR, HOUR),
      record: limit('record', config.MAILS_PER_RECORD, HOUR),
      person: limit('person', config.MAILS_PER_PERSON, DAY),
      clinic: limit('clinic', config.MAILS_PER_CLINIC, DAY),
      account: limit('account', config.MAILS_PER_ACCOUNT, DAY),
      offers: limit('offers', config.MAILS_PER_CLINIC, DAY),
    };
    this.refusals = {
      recipient: `there were more than ${config.MAILS_PER_RECIPIENT} emails to this address in a day`,
      invites: `there were more than ${config.INVITES_PER_HOUR} invites by one person in an hour`,
      record: `this was changed more than ${config.MAILS_PER_RECORD} times in an hour, and each change is told by email`,
      person: `there were more than ${config.MAILS_PER_PERSON} emails because of one person in a day`,
      clinic: `there were more than ${config.MAILS_PER_CLINIC} emails of this clinic in a day`,
      account: `there were more than ${config.MAILS_PER_ACCOUNT} emails of this account in a day`,
      offers: `there were more than ${config.MAILS_PER_CLINIC} offers of patients to this clinic in a day`,
    };
    this.key = Buffer.from(
      hkdfSync('sha256', config.IDENTITY_SECRET ?? '', config.SHARD_ID, 'caregate mail limits', 32),
    );
    this.refused = metrics.counter(
      'caregate_mail_limited_total',
      'Requests that were refused since they would have brought too many emails about',
      ['operation', 'by'],
    );
  }

  static prepare(connection: Connection): Promise<void> {
    return prepareAttempts(connection, COLLECTION);
  }

  /** Before the email is asked for. @throws {TooManyRequests} with what there were too many of */
  async count(operation: MailingOperation, mailing: Mailing): Promise<void> {
    if (mailing.caller.kind === 'service') return;
    const whose = await this.whose(mailing);
    for (const by of LIMITS[operation]) {
      const key = whose[by];
      if (key !== undefined) await this.countOne(operation, by, key);
    }
  }

  private async countOne(operation: MailingOperation, by: MailLimit, key: string): Promise<void> {
    try {
      await this.limits[by].count(key, `${this.refusals[by]}; wait as long as Retry-After says`);
    } catch (error) {
      if (error instanceof TooManyRequests) this.refused.inc({ operation, by });
      throw error;
    }
  }

  private async whose({ caller, clinicId, accountId, to, record }: Mailing) {
    const person = actingUser(caller);
    const account =
      accountId ??
      (caller.kind === 'apiKey' ? caller.accountId : clinicId && (await this.facts.accountOfClinic(clinicId)));
    return {
      recipient: to === undefined ? undefined : this.hashed(mailboxOf(to)),
      invites: person,
      record,
      person,
      clinic: clinicId,
      account: account || undefined,
      offers: clinicId,
    } satisfies Record<MailLimit, string | undefined>;
  }

  /** Tells nothing to whoever reads the database without knowing the secret. */
  private hashed(address: string): string {
    return createHmac('sha256', this.key).update(address).digest('base64url');
  }
}
