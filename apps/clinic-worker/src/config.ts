import { streamSettings } from '@caregate/change-events';
import { clinicSettings } from '@caregate/clinic-model';
import { identitySettings } from '@caregate/identity';
import { commonSettings, ownShard } from '@caregate/service';
import { z } from 'zod';

export const settings = z.object({
  ...commonSettings,
  ...ownShard,
  ...identitySettings,
  ...clinicSettings,
  ...streamSettings,
  SMTP_URL: z
    .string({ error: 'is needed: smtp://host:port' })
    .regex(/^smtps?:\/\/\S+$/, 'must look like smtp://host:port or smtps://user:password@host:port')
    .describe('the mail server, smtp://host:port or smtps://user:password@host:port'),
  MAIL_FROM: z
    .string({ error: 'is needed: the sender of all emails, such as Caregate <no-reply@example.com>' })
    .regex(/^([^<>\r\n]*<)?[^\s<>@]+@[^\s<>@]+>?$/, 'must be an email address, such as Caregate <no-reply@example.com>')
    .describe('the sender of all emails'),
  MAIL_CONNECTIONS: z.coerce
    .number()
    .int()
    .min(1)
    .max(20)
    .default(4)
    .describe('connections to the mail server; a crash can repeat as many emails'),
  MAILS_PER_MINUTE: z.coerce
    .number()
    .int()
    .min(1)
    .default(300)
    .describe('emails of one account that each copy of the worker sends in a minute; the others wait, none is dropped'),
  MAIL_LEASE_SECONDS: z.coerce
    .number()
    .min(1)
    .max(600)
    .default(120)
    .describe('how long after a crash an email that was about to be sent is sent; longer than 60'),
  MAIL_UNKNOWN_SECONDS: z.coerce
    .number()
    .min(1)
    .max(86_400)
    .default(1_800)
    .describe(
      'how long after a crash or a lost answer an email is sent again that the mail server may have taken; RFC 5321 asks for 1800 at least',
    ),
  APP_URL: z
    .url({ protocol: /^https?$/, error: 'must be an address such as https://app.example.com' })
    .optional()
    .describe('where the links in emails lead; https://app.<shard>.<domain> unless given'),
  API_URL: z
    .url({ protocol: /^https?$/, error: 'must be an address such as https://api.au1.example.com' })
    .optional()
    .describe(
      'where people reach this shard’s API, for links that confirm an account; https://api.<shard>.<domain> unless given',
    ),
  MIGRATION_PARALLEL: z.coerce
    .number()
    .int()
    .min(1)
    .max(100)
    .default(4)
    .describe('patients of a migrating clinic that are worked on at once'),
  MIGRATION_PER_SECOND: z.coerce
    .number()
    .min(0.1)
    .max(1_000)
    .default(20)
    .describe('patients of a migrating clinic that may begin in a second'),
  CONCURRENCY: z.coerce
    .number()
    .int()
    .min(1)
    .max(500)
    .default(64)
    .describe(
      'reactions that run at once in this copy; those that send emails, and migrations, are counted by themselves',
    ),
  DUE_AFTER_SECONDS: z.coerce
    .number()
    .min(1)
    .max(86_400)
    .default(900)
    .describe(
      'how long after a deletion, an invitation or a sign-up the worker acts on it although no event came; longer than events take',
    ),
  LEASE_SECONDS: z.coerce
    .number()
    .min(1)
    .max(600)
    .default(30)
    .describe('how long a reaction stays claimed after its worker’s last sign of life'),
});

export type ClinicWorkerConfig = z.output<typeof settings>;

export const appUrl = (config: ClinicWorkerConfig) =>
  (config.APP_URL ?? `https://app.${config.SHARD_ID}.${config.DOMAIN}`).replace(/\/+$/, '');

export const apiUrl = (config: ClinicWorkerConfig) =>
  (config.API_URL ?? `https://api.${config.SHARD_ID}.${config.DOMAIN}`).replace(/\/+$/, '');
