import { ServiceUnavailable } from '@caregate/service';

/**
 * A reaction can never succeed, however often it is tried: its event goes to the dead letters at once.
 * When there is just nothing (more) to do, a reaction returns, with a note for its record, instead.
 */
export class GiveUp extends Error {
  override readonly name = 'GiveUp';
}

/**
 * What a failure means for the retry: `permanent` will not get better, `away` is the fault of something that the reaction needs
 * and that will come back (MongoDB, SMTP, identity), `fault` is anything else, most likely a bug or a strange event.
 */
export type FailureKind = 'permanent' | 'away' | 'fault';

const NETWORK_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ECONNECTION',
  'ESOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_SOCKET',
]);
const AWAY_NAMES =
  /^(Mongo(ose)?(ServerSelection|Network|NetworkTimeout|NotConnected|PoolCleared|ServerClosed|TopologyClosed|Expired).*|KafkaJS(Connection|NoBroker|NumberOfRetries|RequestTimeout).*|AbortError|TimeoutError)$/;

/** Tells from an error, or from what caused it, whether trying again can help. */
export function failureKind(error: unknown): FailureKind {
  for (let cause: unknown = error, depth = 0; cause instanceof Error && depth < 8; cause = causeOf(cause), depth++) {
    if (cause instanceof GiveUp) return 'permanent';
    if (cause instanceof ServiceUnavailable || AWAY_NAMES.test(cause.name)) return 'away';
    if ('code' in cause && typeof cause.code === 'string' && NETWORK_CODES.has(cause.code)) return 'away';
    if (
      'errorLabels' in cause &&
      Array.isArray(cause.errorLabels) &&
      cause.errorLabels.includes('TransientTransactionError')
    )
      return 'away';
  }
  return 'fault';
}

/** The milliseconds that whatever is away asks to be left alone; undefined where it names none of its own. */
export function retryAfter(error: unknown): number | undefined {
  for (let cause: unknown = error, depth = 0; cause instanceof Error && depth < 8; cause = causeOf(cause), depth++) {
    if (!(cause instanceof ServiceUnavailable)) continue;
    const seconds = Number(cause.headers['retry-after']);
    return seconds > 1 ? seconds * 1_000 : undefined; // a second is what is said where nobody knows
  }
  return undefined;
}

/** A bulk write wraps whatever kept it from being sent. */
const causeOf = (error: Error): unknown => ('errorResponse' in error ? error.errorResponse : error.cause);

/** What is kept of an error: its name, message and stack, without the values and addresses that drivers put into messages. */
export function describeFailure(error: unknown): { reason: string; stack: string } {
  const known = error instanceof Error ? error : new Error(String(error));
  return {
    reason: withoutPersons(`${known.name}: ${known.message}`).slice(0, 1_000),
    stack: withoutPersons(known.stack ?? '').slice(0, 8_000),
  };
}

/** Drivers quote documents and servers quote addresses; neither may reach a log or a record (design, decision 6). */
export function withoutPersons(text: string): string {
  return text.replace(/dup key: \{.*\}/g, 'dup key: {…}').replace(/[^\s<>"'(),;:]+@[^\s<>"'(),;:]+/g, '…@…');
}
