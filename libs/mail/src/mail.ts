import { setTimeout as delay } from 'node:timers/promises';
import {
  type Counter,
  FairQueue,
  type Gauge,
  inSpan,
  type Logger,
  type Metrics,
  ServiceUnavailable,
} from '@caregate/service';
import pRetry from 'p-retry';
import { Deliveries, type MailDelivery } from './deliveries.ts';
import { messageIdOf, type Recipient, type SendResult, Smtp, type SmtpSettings } from './smtp.ts';
import type { Template } from './template.ts';
import { allTemplates } from './templates/index.ts';
import type { Connection } from 'mongoose';

export interface MailSettings extends SmtpSettings {
  readonly connection: Connection;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Milliseconds after which an attempt that was not heard of again is repeated, when the server cannot have the message. */
  readonly lease?: number;
  /** Milliseconds after which it is repeated when the server may have the message; half an hour unless given. */
  readonly unknownWait?: number;
  /** Whose turn a clinic's mails take: its account. Each clinic has turns of its own unless given. */
  readonly tenantOf?: (clinicId: string) => Promise<string>;
  /** How many mails of one account go out in a minute; the others wait. As many as there are unless given. */
  readonly perMinute?: number;
}

/** An email to one person. */
export interface Letter<Data extends object> {
  /** Names the fact that is told, such as `clinic_created:<clinicId>`: whatever else happens, it is told once. */
  readonly deliveryId: string;
  readonly template: Template<Data>;
  readonly to: Recipient;
  readonly data: Data;
  /** Who and what it is about, for operators; ids only. */
  readonly userId?: string;
  readonly clinicId?: string;
}

/** The server put the message off. Its next attempt is the caller's business. */
export class MailDeferred extends Error {
  override readonly name = 'MailDeferred';
}

export type DeliveryResult = 'sent' | 'sent before' | 'given up';

const OUTCOMES = [
  'accepted',
  'refused',
  'later',
  'away',
  'unknown',
  'withheld',
] as const satisfies SendResult['result'][];
const LEASE_MS = 120_000;
const CLOSE_MS = 5_000;

/**
 * Sends each letter once. A message can go out twice only when the server takes it and its answer, or the note of it, does not come: when the
 * connection or the process ends in between. As a message has to be noted before its connection takes the next, that is one message for each
 * connection; and it is not sent again before half an hour has gone.
 * Accounts take turns, and so do the domains of one account's recipients. An account leaves one connection to the others, and a domain has half
 * of them at most: so neither two thousand mails of one clinic nor a domain whose server is stuck keeps anybody else's mail waiting.
 */
export class Mail {
  private readonly settings: MailSettings;
  private readonly smtp: Smtp;
  private readonly deliveries: Deliveries;
  private readonly queue: FairQueue;
  private closed = false;
  private readonly outcomes: Counter<'template' | 'outcome'>;
  private readonly up: Gauge;

  constructor(settings: MailSettings) {
    this.settings = settings;
    this.smtp = new Smtp(settings);
    this.deliveries = new Deliveries(settings.connection, settings.lease ?? LEASE_MS, settings.unknownWait);
    const { connections: places, perMinute } = settings;
    this.queue = new FairQueue({
      places,
      perTenant: Math.max(1, places - 1),
      perTarget: Math.ceil(places / 2),
      ...(perMinute !== undefined && { pace: { perMinute, burst: Math.ceil(perMinute / 6) } }),
    });
    this.outcomes = settings.metrics.counter('caregate_mail_total', 'Attempts to send an email, by how they ended', [
      'template',
      'outcome',
    ]);
    // Counters begin at nought: Prometheus sees no growth in one that begins at 1.
    for (const { name: template } of allTemplates)
      for (const outcome of OUTCOMES) this.outcomes.inc({ template, outcome }, 0);
    this.up = settings.metrics.gauge('caregate_smtp_up', 'Whether the SMTP server answered last time');
  }

  /**
   * Sends a letter unless it has been sent.
   * @throws {ServiceUnavailable} while the SMTP server is away, another worker is just sending this letter, or the server may have taken it;
   *   it says when to try again
   * @throws {MailDeferred} when the server put it off (4xx)
   */
  async deliver<Data extends object>(letter: Letter<Data>): Promise<DeliveryResult> {
    const { clinicId, to } = letter;
    const tenant = clinicId === undefined ? '' : ((await this.settings.tenantOf?.(clinicId)) ?? clinicId);
    return this.queue.run({ tenant, target: domainOf(to.address) }, () => this.deliverNow(letter));
  }

  /** What the server refused for good, newest first. */
  givenUp(limit?: number): Promise<MailDelivery[]> {
    return this.deliveries.givenUp(limit);
  }

  /** Asks the server whether it is there, for the metric. */
  async check(): Promise<void> {
    this.up.set((await this.smtp.isUp()) ? 1 : 0);
  }

  /** Waits for what is on its way, as long as a shutdown may wait, and closes the connections. */
  async close(): Promise<void> {
    const giveUp = Date.now() + CLOSE_MS;
    while (this.queue.activeCount + this.queue.pendingCount > 0 && Date.now() < giveUp) await delay(20);
    this.closed = true;
    this.smtp.close();
  }

  private async deliverNow<Data extends object>(letter: Letter<Data>): Promise<DeliveryResult> {
    if (this.closed) throw new ServiceUnavailable('shutting down');
    const { deliveryId, template, userId, clinicId } = letter;
    const messageId = messageIdOf(deliveryId, this.settings.from);
    const claimed = await this.deliveries.claim({
      _id: deliveryId,
      template: template.name,
      messageId,
      ...(userId !== undefined && { userId }),
      ...(clinicId !== undefined && { clinicId }),
    });
    if (claimed === 'sent') return 'sent before';
    if (claimed === 'given_up') return 'given up';
    if (claimed === 'busy') throw new ServiceUnavailable('another worker is sending this email');
    if ('notBefore' in claimed) throw inDoubt(claimed.notBefore.getTime() - Date.now());
    const { claim } = claimed;
    const sent = await this.send(letter, messageId, () => this.deliveries.handOver(deliveryId, claim));
    this.outcomes.inc({ template: template.name, outcome: sent.result });
    if (sent.result !== 'withheld') this.up.set(sent.result === 'away' ? 0 : 1);
    return this.note(deliveryId, claim, sent);
  }

  private async send<Data extends object>(
    { template, data, to }: Letter<Data>,
    messageId: string,
    mayBegin: () => Promise<boolean>,
  ): Promise<SendResult> {
    if (!isAddress(to.address)) return { result: 'refused', reason: 'the address is not one' };
    const mail = {
      ...template.render(data),
      messageId,
      to,
      ...(template.unsubscribable && { unsubscribe: `mailto:${addressOf(this.settings.from)}?subject=unsubscribe` }),
    };
    const attributes = { 'caregate.mail.template': template.name, 'caregate.mail.message_id': messageId };
    return inSpan('send email', { kind: 'client', attributes }, () => this.smtp.send(mail, mayBegin));
  }

  private async note(deliveryId: string, claim: string, sent: SendResult): Promise<DeliveryResult> {
    if (sent.result === 'accepted') {
      await this.untilNoted(() => this.deliveries.end(deliveryId, claim, 'sent'));
      return 'sent';
    }
    if (sent.result === 'refused') {
      this.settings.logger.error({ deliveryId, reason: sent.reason }, 'an email was refused for good');
      await this.untilNoted(() => this.deliveries.end(deliveryId, claim, 'given_up', sent.reason));
      return 'given up';
    }
    if (sent.result === 'withheld') throw new ServiceUnavailable('another worker has taken this email over');
    if (sent.result === 'unknown') {
      this.settings.logger.warn({ deliveryId, reason: sent.reason }, 'nobody knows whether the server took an email');
      throw inDoubt(await this.untilNoted(() => this.deliveries.leaveInDoubt(deliveryId, claim, sent.reason)));
    }
    await this.untilNoted(() => this.deliveries.postpone(deliveryId, claim, sent.reason));
    if (sent.result === 'away') throw new ServiceUnavailable(`the SMTP server is away: ${sent.reason}`);
    throw new MailDeferred(`the SMTP server put the email off: ${sent.reason}`);
  }

  /** The next message waits until this one is noted, however long MongoDB is away: that keeps the window to one message. */
  private untilNoted<T>(note: () => Promise<T>): Promise<T> {
    return pRetry(note, { retries: Number.POSITIVE_INFINITY, minTimeout: 100, maxTimeout: 1_000 });
  }
}

const inDoubt = (milliseconds: number) =>
  new ServiceUnavailable('the mail server may have taken this email', Math.max(1, milliseconds / 1_000));
const isAddress = (text: string) => text.length <= 254 && /^[^\s<>()[\]\\,;:"@]+@[^\s<>()[\]\\,;:"@]+$/.test(text);
const domainOf = (address: string) => address.slice(address.lastIndexOf('@') + 1).toLowerCase();
const addressOf = (from: string) => /<([^>]+)>/.exec(from)?.[1] ?? from;
