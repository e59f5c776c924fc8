import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { certificateAdvice } from '@caregate/service';
import { createTransport } from 'nodemailer';
import { plainNameInHeader } from './names.ts';
import type { RenderedMail } from './template.ts';

export interface Recipient {
  readonly address: string;
  readonly name?: string;
}

/** An email ready to go out. */
export interface OutgoingMail extends RenderedMail {
  readonly messageId: string;
  readonly to: Recipient;
  /** Where to write to get no more of these. */
  readonly unsubscribe?: string;
}

/**
 * `refused`: the server will never take it for this recipient. `later`: it may take it another time. `away`: nobody took or refused anything.
 * `unknown`: the server had all of the message, and its answer did not come: it may have taken it. `withheld`: the message was not sent, as the
 * sender may not do so any more.
 */
export type SendResult =
  | { readonly result: 'accepted' }
  | { readonly result: 'refused' | 'later' | 'away' | 'unknown' | 'withheld'; readonly reason: string };

export interface SmtpSettings {
  /** `smtp://` or `smtps://`, with user and password where the server wants them. */
  readonly url: string;
  readonly from: string;
  /** How many connections are kept; as many messages can be on their way at once. */
  readonly connections: number;
}

/** Whether the password can go over the network for all to read: worth a warning. STARTTLS is only an offer, which whoever stands between can take away. */
export function givesPasswordAway(url: string): boolean {
  if (!URL.canParse(url)) return false; // then nothing can be sent either
  const { protocol, password, searchParams } = new URL(url);
  return protocol === 'smtp:' && password !== '' && searchParams.get('requireTLS') !== 'true';
}

/** Milliseconds until a connection stands. */
const TIMEOUTS = { connectionTimeout: 10_000, greetingTimeout: 10_000 };
/** Milliseconds for all that comes before the message itself: nothing is in doubt then. Below the lease of a delivery. */
const ENVELOPE_TIMEOUT_MS = 60_000;
/**
 * Milliseconds for the answer to the message (RFC 5321, 4.5.3.2.6: ten minutes): many servers look through it before they answer, and who
 * gives up earlier sends it twice.
 */
const ANSWER_TIMEOUT_MS = 600_000;
/** Milliseconds that a connection is kept without a message; whatever is in between may forget one that is idle for long. */
const IDLE_TIMEOUT_MS = 30_000;

/** The way of one message to the server. */
class Handover {
  /** The server may have all of it. */
  isWhole = false;
  private withheld = false;
  private outgoing: Readable | undefined;

  constructor(
    private readonly mayBegin: () => Promise<boolean>,
    private readonly begins: () => void,
  ) {}

  get isWithheld(): boolean {
    return this.withheld;
  }

  /** The message, which is read once the server has asked for it, and only if it may be sent. What ends before its end no server delivers. */
  stream(message: Readable): Readable {
    this.outgoing = Readable.from(this.read(message), { objectMode: false });
    return this.outgoing;
  }

  private async *read(message: Readable): AsyncGenerator<Buffer> {
    if (this.isWhole || !(await this.mayBegin())) {
      this.withheld = true;
      throw new Error('the message may not be sent');
    }
    if (this.outgoing?.destroyed) throw new Error('the connection ended before the message');
    this.begins();
    let last: Buffer | undefined;
    for await (const chunk of message) {
      if (last) yield last;
      last = Buffer.from(chunk);
    }
    this.isWhole = true; // from the last piece on
    if (last) yield last;
  }
}

/** The SMTP server, over pooled connections. */
export class Smtp {
  private readonly transport;
  private readonly from: string;

  constructor({ url, from, connections }: SmtpSettings) {
    this.from = from;
    this.transport = createTransport({
      url,
      pool: true,
      maxConnections: connections,
      maxMessages: 1_000,
      disableFileAccess: true,
      disableUrlAccess: true,
      ...TIMEOUTS,
      socketTimeout: ANSWER_TIMEOUT_MS,
      idleTimeout: IDLE_TIMEOUT_MS,
    });
    this.transport.use('stream', ({ data, message }, done) => {
      const { handover } = data as { handover?: unknown }; // what `send` has put there
      if (handover instanceof Handover) {
        const whole = message.createReadStream.bind(message);
        message.createReadStream = (options) => handover.stream(whole(options));
      }
      done();
    });
  }

  /**
   * @param mayBegin asked when the server waits for the message, right before it is sent
   */
  async send(mail: OutgoingMail, mayBegin: () => Promise<boolean> = async () => true): Promise<SendResult> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), ENVELOPE_TIMEOUT_MS);
    const handover = new Handover(mayBegin, () => clearTimeout(timer));
    try {
      await this.transport.sendMail({
        from: this.from,
        to: { address: mail.to.address, name: plainNameInHeader(mail.to.name ?? '') },
        subject: mail.subject,
        html: mail.html,
        text: mail.text,
        messageId: mail.messageId,
        headers: {
          'Auto-Submitted': 'auto-generated', // RFC 3834: no out-of-office answers
          ...(mail.unsubscribe && { 'List-Unsubscribe': `<${mail.unsubscribe}>` }),
        },
        signal: late.signal,
        ...{ handover },
      });
      return { result: 'accepted' };
    } catch (error) {
      if (handover.isWithheld) return { result: 'withheld', reason: 'another worker has taken it over' };
      if (late.signal.aborted)
        return { result: 'away', reason: 'the server was silent for too long before the message' };
      return sendResult(error, handover.isWhole);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Whether the server answers. */
  async isUp(): Promise<boolean> {
    const silent = new AbortController();
    const verified = this.transport.verify().then(
      () => true,
      () => false,
    );
    const tooLong = delay(ENVELOPE_TIMEOUT_MS, false, { signal: silent.signal, ref: false }).catch(() => false);
    return Promise.race([verified, tooLong]).finally(() => silent.abort());
  }

  close(): void {
    this.transport.close();
  }
}

/**
 * What a failure to send means. Only a 5xx to this recipient or this message is final; the same to our sign-in or sender address
 * is a fault of the settings, which an operator repairs, and then the mail goes out. The server's words may hold the address, so they are left out.
 *
 * @param isWhole whether the server had all of the message: then only its answer tells whether it took it
 */
export function sendResult(error: unknown, isWhole = false): SendResult {
  const { code, responseCode: status, command, originalCode } = smtpFault(error);
  const what = [code, command, status, originalCode].filter((part) => part !== undefined);
  const reason = certificateAdvice(originalCode) ?? (what.join(' ') || 'the connection failed');
  if (isWhole && status === undefined) return { result: 'unknown', reason: `${reason} after the message` };
  const aboutMail = code === 'EENVELOPE' ? command !== 'MAIL FROM' : code === 'EMESSAGE';
  if (!aboutMail) return { result: 'away', reason };
  // An envelope that nodemailer itself refuses (no usable address) has no status: nobody will ever take it.
  return { result: status === undefined || status >= 500 ? 'refused' : 'later', reason };
}

interface SmtpFault {
  readonly code?: string;
  readonly responseCode?: number;
  readonly command?: string;
  /** Of the network or of TLS, where nodemailer put its own in its place. */
  readonly originalCode?: string;
}

function smtpFault(error: unknown): SmtpFault {
  if (typeof error !== 'object' || error === null) return {};
  const { code, responseCode, command, originalCode } = error as Record<string, unknown>; // nodemailer adds these to its errors
  return {
    ...(typeof code === 'string' && { code }),
    ...(typeof responseCode === 'number' && { responseCode }),
    ...(typeof originalCode === 'string' && { originalCode }),
    ...(typeof command === 'string' && { command: command.replace(/[^A-Z ]/g, '') }),
  };
}

/** The Message-ID of a delivery: the same for every attempt, so that a receiver can tell a repetition. */
export function messageIdOf(deliveryId: string, from: string): string {
  const domain = /@([^\s>]+)>?\s*$/.exec(from)?.[1] ?? 'localhost';
  return `<${createHash('sha256').update(deliveryId).digest('hex').slice(0, 40)}@${domain}>`;
}
