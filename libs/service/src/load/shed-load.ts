import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { CaregateError } from '../errors.ts';
import type { Metrics } from '../metrics.ts';
import { InFlightLimit } from './in-flight-limit.ts';

/** How much an app takes on; spread into its settings by `commonSettings`. */
export const loadSettings = {
  MAX_REQUESTS_IN_FLIGHT: z.coerce
    .number()
    .int()
    .min(0)
    .max(100_000)
    .default(256)
    .describe(
      'requests that are worked on at once; fewer while answers are late; what is too much gets 503. 0: no limit',
    ),
  LATE_AFTER_MS: z.coerce
    .number()
    .int()
    .min(10)
    .max(30_000)
    .default(250)
    .describe('when an answer is late, in milliseconds; while one in ten is, fewer requests are taken'),
} as const;

export interface LoadSettings {
  readonly MAX_REQUESTS_IN_FLIGHT: number;
  readonly LATE_AFTER_MS: number;
}

/** The client closed the connection before it had its answer. Nobody reads the message. */
export class ClientGone extends CaregateError {
  override readonly status = 499;

  constructor() {
    super('the client went away');
  }
}

/** A request that was let in. Its place is free when the connection is done with it and nothing works on it any more. */
interface Work {
  isHandled: boolean;
  isClosed: boolean;
  readonly end: () => void;
}

const WORK = Symbol('WORK');
type Held = IncomingMessage & { [WORK]?: Work };

/**
 * Answers 503 to what is more than the app can serve, before anything of it is looked at: neither routed, nor its body read, nor its caller
 * asked for. /live, /ready and /metrics are always served: an overloaded app is not to be restarted, and it is to be seen.
 */
export function shedLoad(fastify: FastifyInstance, settings: LoadSettings, metrics: Metrics): void {
  const limit = new InFlightLimit(settings.MAX_REQUESTS_IN_FLIGHT || Infinity, settings.LATE_AFTER_MS);
  const shed = measureLoad(limit, metrics);
  const { server } = fastify;
  const [handle] = server.listeners('request');
  if (!handle) throw new Error('the server has nothing that handles requests');
  server.removeAllListeners('request');
  server.on('request', (request: Held, response: ServerResponse) => {
    if (!ALWAYS_SERVED.has(request.url ?? '')) {
      if (!limit.enter()) {
        shed.inc();
        return refuse(response);
      }
      hold(request, response, limit);
    }
    handle.call(server, request, response);
  });
  fastify.addHook('preHandler', beginHandling);
  fastify.addHook('onSend', endHandling);
}

function hold(request: Held, response: ServerResponse, limit: InFlightLimit): void {
  const began = performance.now();
  const end = () => {
    const now = performance.now();
    limit.leave(now - began, now);
  };
  const work: Work = { isHandled: false, isClosed: false, end };
  request[WORK] = work;
  response.once('close', () => {
    work.isClosed = true;
    if (!work.isHandled) work.end();
  });
}

/** Whoever went away while it was asked who they are, is not served; what has begun keeps its place until it has ended. */
function beginHandling({ raw }: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void): void {
  const work = (raw as Held)[WORK];
  if (work?.isClosed) return done(new ClientGone());
  if (work) work.isHandled = true;
  done();
}

function endHandling({ raw }: FastifyRequest, _reply: FastifyReply, _payload: unknown, done: () => void): void {
  const work = (raw as Held)[WORK];
  if (work?.isHandled) {
    work.isHandled = false;
    if (work.isClosed) work.end();
  }
  done();
}

const ALWAYS_SERVED: ReadonlySet<string> = new Set(['/live', '/ready', '/metrics']);

const REFUSAL = JSON.stringify({ message: 'there are more requests than can be served just now; try again' });
const REFUSAL_HEADERS = {
  'content-type': 'application/json',
  'content-length': String(REFUSAL.length),
  'retry-after': '1',
};

/** The connection stays open: to make a new one would cost more than this answer. */
function refuse(response: ServerResponse): void {
  response.writeHead(503, REFUSAL_HEADERS).end(REFUSAL);
}

function measureLoad(limit: InFlightLimit, metrics: Metrics) {
  const inFlight = metrics.gauge('caregate_requests_in_flight', 'Requests that are being worked on');
  Object.assign(inFlight, { collect: () => inFlight.set(limit.inFlight) });
  const most = metrics.gauge('caregate_requests_in_flight_limit', 'How many may be, just now');
  Object.assign(most, { collect: () => most.set(limit.current) });
  return metrics.counter('caregate_requests_shed_total', 'Requests that got 503 since there were too many at once');
}

/**
 * Aborts when the client goes away before it has its answer. For work that takes long: the driver gives up what it has not sent yet, and
 * MongoDB what it has not answered yet. Not for what is shared with other requests, nor for writes.
 */
export function whileWanted({ raw }: FastifyReply): AbortSignal {
  const controller = new AbortController();
  const goes = () => {
    if (!raw.writableFinished) controller.abort(new ClientGone());
  };
  if (raw.destroyed) goes();
  else raw.once('close', goes);
  return controller.signal;
}

/** `whileWanted` of the request, as a parameter of a controller's method. */
export const Wanted = createParamDecorator((_: unknown, context: ExecutionContext): AbortSignal =>
  whileWanted(context.switchToHttp().getResponse<FastifyReply>()),
);
