import type { FastifyInstance, FastifyReply, FastifyRequest, RequestPayload } from 'fastify';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { Metrics } from '../metrics.ts';
import { BODY_LIMIT, bodyTooLarge } from './body-buffer.ts';
import { Entrance, type Proxies } from './entrance.ts';
import { type Exchange, exchangeOf, hasBody } from './exchange.ts';
import type { LoadSettings } from './settings.ts';
import { ClientGone } from './wanted.ts';

/**
 * Answers 503 to what is more than the app can serve, before anything of it is looked at: neither routed, nor its body read, nor its caller
 * asked for. What comes in a burst waits a moment for a place. /live, /ready and /metrics are always served: an overloaded app is not to be
 * restarted, and it is to be seen. A body is waited for only after the hooks of `onRequest` have let its request in.
 */
export function shedLoad(fastify: FastifyInstance, settings: LoadSettings, metrics: Metrics, proxies: Proxies): void {
  const { server } = fastify;
  const [handle] = server.listeners('request');
  if (!handle) throw new Error('the server has nothing that handles requests');
  const entrance = new Entrance(server, settings, metrics, proxies, (request, response) =>
    handle.call(server, request, response),
  );
  server.removeAllListeners('request');
  const take = (request: IncomingMessage, response: ServerResponse) => entrance.take(request, response);
  server.on('request', take);
  server.on('checkExpectation', take); // what else a client expects is passed over; Node would answer past all that is counted
  fastify.decorate(ENTRANCE, entrance);
  fastify.addHook('preParsing', waitForBody);
  fastify.addHook('preHandler', beginHandling);
  fastify.addHook('onSend', ({ raw }, _reply, payload, done) => {
    const exchange = exchangeOf(raw);
    if (exchange) entrance.handOver(exchange, payload);
    done();
  });
  const { HEADERS_TIMEOUT_SECONDS, READER_TIMEOUT_SECONDS } = settings;
  const sweep = setInterval(
    () => entrance.sweep(),
    Math.min(LONGEST_SWEEP_MS, Math.min(HEADERS_TIMEOUT_SECONDS, READER_TIMEOUT_SECONDS) * SWEEPS_MS),
  );
  sweep.unref();
  fastify.addHook('onClose', async () => clearInterval(sweep));
}

/** Of each second of the time that clients have. */
const SWEEPS_MS = 250;
const LONGEST_SWEEP_MS = 1_000;

const ENTRANCE = Symbol('ENTRANCE');
const BODYLESS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'TRACE']);

declare module 'fastify' {
  interface FastifyInstance {
    [ENTRANCE]?: Entrance;
  }
}

/** A body that has come already, as most have by now, is read as ever; one that has not is waited for without a place. */
function waitForBody(
  { raw, server }: FastifyRequest,
  reply: FastifyReply,
  payload: RequestPayload,
  done: (error: Error | null, payload?: RequestPayload) => void,
): void {
  const exchange = exchangeOf(raw);
  const entrance = server[ENTRANCE];
  const isComing = !raw.complete && hasBody(raw.headers) && !BODYLESS.has(raw.method ?? '');
  if (!exchange || !entrance || !isComing || isTooLarge(raw)) return done(null, payload);
  gather(entrance, exchange, reply).then(
    (body) => done(null, Readable.from([body], { objectMode: false })),
    (error: Error) => {
      if (!reply.sent) done(error);
    },
  );
}

/**
 * For a handler that hands the body on as it is: all of it, or null where there is none. The request has no place while it comes.
 * @throws {CaregateError} when it cannot be taken
 */
export async function wholeBody({ raw, server }: FastifyRequest, reply: FastifyReply): Promise<Buffer | null> {
  const exchange = exchangeOf(raw);
  const entrance = server[ENTRANCE];
  if (!exchange || !entrance || !hasBody(raw.headers)) return null;
  if (isTooLarge(raw)) {
    void reply.header('connection', 'close');
    throw bodyTooLarge();
  }
  return gather(entrance, exchange, reply);
}

async function gather(entrance: Entrance, exchange: Exchange, reply: FastifyReply): Promise<Buffer> {
  try {
    return await entrance.wholeBody(exchange);
  } catch (error) {
    // Nobody would read an answer, and to make one takes longer than all else that is done for a stranger who comes and goes.
    if (error instanceof ClientGone) reply.hijack();
    else void reply.header('connection', 'close'); // what is left of the body is not read
    throw error;
  }
}

const isTooLarge = ({ headers }: IncomingMessage) => Number(headers['content-length'] ?? 0) > BODY_LIMIT;

/** For work that waits its turn elsewhere, such as the hashing of passwords: the request has no place meanwhile. @throws {ServiceUnavailable} when there is too much of it */
export function aside<T>({ raw, server }: FastifyRequest, work: () => Promise<T>): Promise<T> {
  const exchange = exchangeOf(raw);
  const entrance = server[ENTRANCE];
  return exchange && entrance ? entrance.aside(exchange, work) : work();
}

/** Says whose request this is, once its credential has been found good: an account, a user or a service. */
export function knowCaller({ raw, server }: FastifyRequest, caller: string): void {
  const exchange = exchangeOf(raw);
  if (exchange) server[ENTRANCE]?.know(exchange, caller);
}

/** Whoever went away while it was asked who they are, is not served; what has begun keeps its place until it has ended. */
function beginHandling({ raw }: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void): void {
  const exchange = exchangeOf(raw);
  if (exchange?.isClosed) return done(new ClientGone());
  if (exchange) exchange.isHandled = true;
  done();
}
