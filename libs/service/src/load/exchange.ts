import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Wait } from './backlog.ts';
import type { Connection } from './connections.ts';

/** A request and its answer. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly connection: Connection;
  /** Whose it is, as `networkOf` says. */
  readonly network: string;
  /** It is worked on, since then (milliseconds), and counts among those that may be at once. */
  hasPlace: boolean;
  placedAt: number;
  /** How long it was worked on before it waited for its client. */
  workedMs: number;
  /** The handler has it: then it is worked on also when the client has gone. */
  isHandled: boolean;
  isClosed: boolean;
  body?: Wait;
  answer?: Wait;
}

const EXCHANGE = Symbol('EXCHANGE');
type Known = IncomingMessage & { [EXCHANGE]?: Exchange };

/** The exchange that a request belongs to. */
export const exchangeOf = (request: Known): Exchange | undefined => request[EXCHANGE];

/** Makes the exchange of a request that has just come. */
export function beginExchange(
  request: Known,
  response: ServerResponse,
  connection: Connection,
  network: string,
): Exchange {
  const exchange: Exchange = {
    request,
    response,
    connection,
    network,
    hasPlace: false,
    placedAt: 0,
    workedMs: 0,
    isHandled: false,
    isClosed: false,
  };
  request[EXCHANGE] = exchange;
  return exchange;
}

/** RFC 9112, section 6.3: a request has a body when one of these says so. */
export function hasBody(headers: IncomingHttpHeaders): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
