import type { LoggerService } from '@nestjs/common';
import { type DestinationStream, pino, stdSerializers, type Logger } from 'pino';
import { traceFields } from './tracing/tracing.ts';

export type { Logger } from 'pino';

/** Injection token of the app's logger. */
export const LOGGER = Symbol('LOGGER');

/** JSON lines on stdout. Log ids, never names, emails, birth dates, MRNs or keys (design, decision 6). */
export function createLogger(
  app: string,
  level: string,
  fields: Record<string, string> = {},
  destination: DestinationStream = pino.destination(1),
): Logger {
  const options = {
    level,
    base: { app, ...fields },
    mixin: traceFields,
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: serializeError },
  };
  return pino(options, destination);
}

/** The driver's errors carry whole documents (`keyValue`, `writeErrors`), so only what names the fault is kept. */
function serializeError(error: Error) {
  const { type, message, stack } = stdSerializers.err(error);
  return { type, message: redactValues(message), stack: redactValues(stack) };
}

const redactValues = (text: string) => text.replace(/dup key: \{.*\}/g, 'dup key: {…}');

/** Nest's own messages go to the same log; its start-up chatter only at debug. */
export class NestLog implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown) {
    this.logger.debug(String(message));
  }
  debug(message: unknown) {
    this.logger.debug(String(message));
  }
  verbose(message: unknown) {
    this.logger.trace(String(message));
  }
  warn(message: unknown) {
    this.logger.warn(String(message));
  }
  error(message: unknown, stack?: unknown) {
    this.logger.error({ stack }, message instanceof Error ? message.message : String(message));
  }
  fatal(message: unknown) {
    this.logger.fatal(String(message));
  }
}
