import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { ServiceUnavailable } from '../errors.ts';
import type { Metrics } from '../metrics.ts';
import { clientBehind, networkOf, type ProxyHeaders, type Trust } from '../proxies.ts';
import { SECURITY_HEADERS } from '../security-headers.ts';
import { Tally } from '../tally.ts';
import type { Backlog } from './backlog.ts';
import { BodyBuffer } from './body-buffer.ts';
import { type Connection, Connections } from './connections.ts';
import { beginExchange, type Exchange } from './exchange.ts';
import { InFlightLimit } from './in-flight-limit.ts';
import { KnownCallers } from './known-callers.ts';
import { measuredBacklogs, measureLoad } from './measures.ts';
import type { LoadSettings } from './settings.ts';
import { WaitingRoom } from './waiting-room.ts';
import { bytesOf, UnfinishedRequest, UntakenAnswer } from './waits.ts';
import { ClientGone } from './wanted.ts';

/** Whom the app believes what they say of a request's origin, and in which headers. */
export interface Proxies {
  readonly trust: Trust | undefined;
  readonly family: ProxyHeaders;
}

/** A request that waits for a place in this line, and until when. */
interface Waiting {
  readonly line: string;
  readonly isKnown: boolean;
  readonly exchange: Exchange;
  readonly until: number;
  readonly begin: () => void;
  readonly refuse: () => void;
}

/**
 * Where requests come in. One is worked on only when there is a place for it, and holds the place only while the app works: neither while its
 * body comes, which takes as long as the client likes, nor while its answer is taken. What waits for clients is bounded by itself.
 *
 * A place is free, and the next request of a connection begins, only when the event loop has read from all connections once more. Otherwise
 * answers that need no database would follow each other without end, as long as some clients have sent enough, and nobody else would be read.
 */
export class Entrance {
  private readonly limit: InFlightLimit;
  private readonly waiting: WaitingRoom<Waiting>;
  private readonly unfinished: Backlog;
  private readonly untaken: Backlog;
  private readonly connections: Connections;
  private readonly callers = new KnownCallers();
  private readonly shed;
  private readonly readersMs: number;
  private readonly graceMs: number;
  /** How much is done aside, in all and by network. */
  private asides = 0;
  private readonly asideOf = new Tally();
  /** When nobody waited last. */
  private calmAt = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    server: Server,
    settings: LoadSettings,
    metrics: Metrics,
    private readonly proxies: Proxies,
    private readonly handle: (request: IncomingMessage, response: ServerResponse) => void,
  ) {
    const most = settings.MAX_REQUESTS_IN_FLIGHT || Infinity;
    this.readersMs = settings.READER_TIMEOUT_SECONDS * 1_000;
    this.graceMs = settings.HEADERS_TIMEOUT_SECONDS * 1_000;
    this.limit = new InFlightLimit(most, settings.LATE_AFTER_MS);
    this.waiting = new WaitingRoom(most);
    const backlogs = measuredBacklogs(limitsOf(settings), metrics);
    [this.unfinished, this.untaken] = [backlogs.request, backlogs.answer];
    this.connections = new Connections(server, settings, proxies.trust, this.unfinished, metrics);
    this.shed = measureLoad(this.limit, metrics);
  }

  /** Of one connection only one request is worked on; those that it sends before the answer (pipelining) come after it. */
  take(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.connections.of(request.socket);
    if (!connection || request.socket.destroyed) return; // it was closed as it came, or what came with this was too much
    if (!connection.isBusy && connection.pipelined.length === 0) return this.open(connection, request, response);
    if (connection.pipelined.length >= MOST_PIPELINED) return void request.socket.destroy();
    connection.pipelined.push(() => this.open(connection, request, response));
  }

  /** Whose request it is: further ones with the same credential wait in the caller's line, from whichever address they come. */
  know({ request }: Exchange, caller: string): void {
    this.callers.note(request.headers, caller);
  }

  /** Drops those who are too slow. */
  sweep(): void {
    const now = performance.now();
    this.connections.sweep(now, this.graceMs);
    this.unfinished.dropSlow(now);
    this.untaken.dropSlow(now);
  }

  /** The whole body of a request, which has no place while it comes. @throws {CaregateError} when it cannot be taken */
  async wholeBody(exchange: Exchange): Promise<Buffer> {
    if (exchange.request.complete) return this.gather(exchange);
    this.pause(exchange);
    const body = await this.gather(exchange);
    await this.placeAgain(exchange);
    return body;
  }

  /**
   * Work that waits its turn elsewhere, such as the hashing of passwords: meanwhile the request has no place, or those who sign in would keep
   * everybody else out. So there is a bound of its own for such work, in all and by network.
   * @throws {ServiceUnavailable} when there is too much of it
   */
  async aside<T>(exchange: Exchange, work: () => Promise<T>): Promise<T> {
    const { network, hasPlace } = exchange;
    if (this.asideOf.of(network) >= MOST_ASIDE_OF_NETWORK || this.asides >= MOST_ASIDE)
      throw new ServiceUnavailable(TOO_MANY);
    this.asides += 1;
    this.asideOf.add(network);
    this.pause(exchange);
    try {
      return await work();
    } finally {
      this.asides -= 1;
      this.asideOf.remove(network);
      if (hasPlace && !exchange.isClosed) {
        this.limit.resume();
        this.takePlace(exchange);
      }
    }
  }

  /** The answer is given to the connection: from now on it is the client who takes time. */
  handOver(exchange: Exchange, payload: unknown): void {
    exchange.isHandled = false;
    if (!exchange.isClosed && !exchange.answer) this.awaitReader(exchange, bytesOf(payload));
    if (!exchange.hasPlace) return;
    const now = performance.now();
    setImmediate(() => this.leave(exchange, now)); // others are read from before the next begins
  }

  private open(connection: Connection, request: IncomingMessage, response: ServerResponse): void {
    this.connections.begin(connection);
    const exchange = beginExchange(request, response, connection, this.networkOf(connection, request));
    response.once('close', () => this.close(exchange));
    if (ALWAYS_SERVED.has(request.url ?? '')) return this.handle(request, response);
    const begin = () => {
      this.takePlace(exchange);
      this.handle(request, response);
    };
    if (this.limit.enter()) begin();
    else this.enqueue(exchange, begin, () => this.refuse(exchange));
  }

  private networkOf({ network, socket }: Connection, { headers }: IncomingMessage): string {
    const { trust, family } = this.proxies;
    if (network !== undefined || !trust) return network ?? '';
    return networkOf(clientBehind(socket.remoteAddress ?? '', headers, trust, family));
  }

  private close(exchange: Exchange): void {
    const { connection, body, answer } = exchange;
    exchange.isClosed = true;
    if (body) this.unfinished.remove(body);
    if (answer) this.untaken.remove(answer);
    if (!exchange.isHandled) this.leave(exchange, performance.now());
    this.connections.end(connection);
    if (connection.pipelined.length > 0) setImmediate(() => this.openNext(connection));
  }

  private openNext({ socket, pipelined }: Connection): void {
    if (!socket.destroyed) pipelined.shift()?.();
  }

  private takePlace(exchange: Exchange): void {
    exchange.hasPlace = true;
    exchange.placedAt = performance.now();
  }

  private leave(exchange: Exchange, now: number): void {
    if (!exchange.hasPlace) return;
    exchange.hasPlace = false;
    this.limit.leave(exchange.workedMs + now - exchange.placedAt, now);
    this.letIn(now);
  }

  private pause(exchange: Exchange): void {
    if (!exchange.hasPlace) return;
    const now = performance.now();
    exchange.hasPlace = false;
    exchange.workedMs += now - exchange.placedAt;
    this.limit.pause();
    this.letIn(now);
  }

  private placeAgain(exchange: Exchange): Promise<void> {
    return new Promise((resolve, reject) => {
      const begin = () => {
        this.takePlace(exchange);
        resolve();
      };
      const refuse = () => {
        if (exchange.isClosed) return reject(new ClientGone());
        this.shed.inc();
        reject(new ServiceUnavailable(TOO_MANY));
      };
      if (exchange.isClosed) reject(new ClientGone());
      else if (this.limit.enter()) begin();
      else this.enqueue(exchange, begin, refuse);
    });
  }

  private gather(exchange: Exchange): Promise<Buffer> {
    const { request, response } = exchange;
    const wait = this.awaitBody(exchange);
    const body = new BodyBuffer();
    return new Promise<Buffer>((resolve, reject) => {
      request.on('data', (piece: Buffer) => {
        try {
          body.append(piece);
          this.unfinished.grow(wait, piece.length);
        } catch (error) {
          request.removeAllListeners('data').resume();
          reject(error);
        }
      });
      request.once('end', () => resolve(body.whole()));
      response.once('close', () => reject(new ClientGone()));
    }).finally(() => this.unfinished.remove(wait));
  }

  private awaitBody(exchange: Exchange): UnfinishedRequest {
    const { network, request, response } = exchange;
    const wait = new UnfinishedRequest(network, request.socket, performance.now(), this.graceMs, { response });
    exchange.body = wait;
    this.unfinished.add(wait);
    return wait;
  }

  private awaitReader(exchange: Exchange, bytes: number): void {
    const { network, request } = exchange;
    exchange.answer = new UntakenAnswer(network, request.socket, bytes, performance.now() + this.readersMs);
    this.untaken.add(exchange.answer);
  }

  private enqueue(exchange: Exchange, begin: () => void, refuse: () => void): void {
    const now = performance.now();
    if (this.waiting.size === 0) this.calmAt = now;
    const patience = now - this.calmAt < BURST_MS ? BURST_MS : UNDER_PRESSURE_MS;
    const caller = this.callers.of(exchange.request.headers);
    const whose = { line: caller ?? exchange.network, isKnown: caller !== undefined };
    const displaced = this.waiting.push({ ...whose, exchange, begin, refuse, until: now + patience });
    displaced?.refuse();
    this.timer ??= setTimeout(() => this.losePatience(), patience);
  }

  /** Those who have waited, by turns of their lines, but nobody who has gone and nobody who has waited too long. */
  private letIn(now: number): void {
    while (this.waiting.size > 0) {
      if (!this.limit.enter()) return;
      const next = this.waiting.shift();
      if (next && !next.exchange.isClosed && next.until > now) next.begin();
      else {
        this.limit.pause();
        next?.refuse();
      }
    }
  }

  private losePatience(): void {
    const now = performance.now();
    for (const { refuse } of this.waiting.take(({ until }) => until <= now)) refuse();
    this.timer = this.waiting.size > 0 ? setTimeout(() => this.losePatience(), UNDER_PRESSURE_MS) : undefined;
  }

  /** The connection stays open: to make a new one would cost more than this answer. */
  private refuse(exchange: Exchange): void {
    if (exchange.isClosed) return;
    this.shed.inc();
    this.awaitReader(exchange, REFUSAL.length);
    exchange.response.writeHead(503, REFUSAL_HEADERS).end(REFUSAL);
  }
}

/** How long a request of a burst may wait for a place, in milliseconds. With the time that it then takes it stays well under a second. */
const BURST_MS = 400;
/** And when the burst turns out to last: a queue that does not end would only make everybody later. */
const UNDER_PRESSURE_MS = 50;
/** Requests that a connection may send before the answer to its first one. Few clients do at all. */
const MOST_PIPELINED = 32;

/** What may be done aside at once: more would take seconds. */
const MOST_ASIDE = 64;
const MOST_ASIDE_OF_NETWORK = MOST_ASIDE / 4;

const ALWAYS_SERVED: ReadonlySet<string> = new Set(['/live', '/ready', '/metrics']);

const TOO_MANY = 'there are more requests than can be served just now; try again';
const REFUSAL = JSON.stringify({ message: TOO_MANY });
const REFUSAL_HEADERS = {
  ...SECURITY_HEADERS,
  'content-type': 'application/json',
  'content-length': String(REFUSAL.length),
  'retry-after': '1',
};

function limitsOf({ MAX_SLOW_CLIENTS, MAX_SLOW_CLIENTS_PER_ADDRESS, MAX_SLOW_MIB }: LoadSettings) {
  const bytes = MAX_SLOW_MIB * 1024 * 1024;
  return {
    count: MAX_SLOW_CLIENTS,
    countOfNetwork: MAX_SLOW_CLIENTS_PER_ADDRESS || Infinity,
    bytes,
    bytesOfNetwork: bytes / 4,
  };
}
