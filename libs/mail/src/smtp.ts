import { createHash } from 'node:crypto';
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

/** `refused`: the server will never take it for this recipient. `later`: it may take it another time. `away`: nobody took or refused anything. */
export type SendResult =
  { readonly result: 'accepted' } | { readonly result: 'refused' | 'later' | 'away'; readonly reason: string };

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

/** All of these together stay below the lease of a delivery. Milliseconds. */
const TIMEOUTS = { connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 30_000 };

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
    });
  }

  async send(mail: OutgoingMail): Promise<SendResult> {
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
      });
      return { result: 'accepted' };
    } catch (error) {
      return sendResult(error);
    }
  }

  /** Whether the server answers. */
  async isUp(): Promise<boolean> {
    return this.transport.verify().then(
      () => true,
      () => false,
    );
  }

  close(): void {
    this.transport.close();
  }
}

/**
 * What a failure to send means. Only a 5xx to this recipient or this message is final; the same to our sign-in or sender address
 * is a fault of the settings, which an operator repairs, and then the mail goes out. The server's words may hold the address, so they are left out.
 */
export function sendResult(error: unknown): SendResult {
  const { code, responseCode: status, command, originalCode } = smtpFault(error);
  const what = [code, command, status, originalCode].filter((part) => part !== undefined);
  const reason = certificateAdvice(originalCode) ?? (what.join(' ') || 'the connection failed');
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
