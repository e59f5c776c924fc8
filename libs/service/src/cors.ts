import cors from '@fastify/cors';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { z } from 'zod';
import { readBy } from './config.ts';
import { SESSION_HEADER } from './load/known-callers.ts';
import { WRITTEN_AT } from './written-at.ts';

const LARGEST_AGE_SECONDS = 600;

/** Pages of which origins may call this app from a browser: none unless given. */
export const corsSetting = {
  CORS_ORIGINS: z
    .string()
    .transform(readBy(originsIn))
    .optional()
    .describe(
      'origins whose pages may call this app from a browser, exact and with commas between them; none unless given',
    ),
};

/**
 * Lets pages of these origins call the app from a browser (Fetch standard, CORS). To be called before anything that refuses requests, so
 * that pages can read refusals too. A request carries its session or key in a header, so cookies and other credentials of browsers are not allowed.
 */
export async function allowOrigins(app: NestFastifyApplication, origins: readonly string[] | undefined): Promise<void> {
  if (!origins) return;
  await app.register(cors, {
    origin: [...origins],
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    allowedHeaders: SENT,
    exposedHeaders: READ,
    maxAge: LARGEST_AGE_SECONDS,
    strictPreflight: false,
  });
}

/** Of requests, beside what browsers always allow. */
const SENT = [
  SESSION_HEADER,
  ...['authorization', 'content-type', 'idempotency-key', 'traceparent', 'tracestate'],
  ...['x-caregate-invite-secret', 'x-caregate-read-after', 'x-tidepool-trace-request', 'x-tidepool-trace-session'],
];

/** Of answers, beside what browsers always give to pages. */
const READ = [
  SESSION_HEADER,
  WRITTEN_AT,
  ...['caregate-shard', 'content-disposition', 'idempotent-replayed', 'location', 'retry-after'],
  ...['ratelimit', 'ratelimit-policy', 'ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset'],
];

function originsIn(text: string): string[] {
  const origins = text.split(',').map((origin) => origin.trim());
  if (!origins.every(isOrigin))
    throw new Error(
      'must be exact origins with commas between them, such as https://app.example.com, without a path or *',
    );
  return origins;
}

function isOrigin(text: string): boolean {
  const url = URL.parse(text);
  return url?.origin === text && /^https?:$/.test(url.protocol);
}
