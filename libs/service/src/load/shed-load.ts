import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { CaregateError } from '../errors.ts';
import type { Metrics } from '../metrics.ts';
import { SECURITY_HEADERS } from '../security-headers.ts';
import { type ConnectionSettings, connectionSettings } from './connections.ts';
import { InFlightLimit } from './in-flight-limit.ts';

/** How much an app takes on; spread into its settings by `commonSettings`. */
export const loadSettings = {
  MAX_REQUESTS_IN_FLIGHT: z.coerce
    .number()
    .int()
    .min(0)
    .max(100_000)
    .default(100)
    .describe(
      'requests that are worked on at once, and as many that wait a moment; what is more gets 503. 0: no limit',
    ),
  LATE_AFTER_MS: z.coerce
    .number()
    .int()
    .min(10)
    .max(30_000)
    .default(250)
    .describe('when an answer is late, in milliseconds; while one in ten is, fewer requests are taken'),
  ...connectionSettings,
  HEADERS_TIMEOUT_SECONDS: seconds(10, 'within which a request’s headers must have come'),
  REQUEST_TIMEOUT_SECONDS: seconds(30, 'within which a request must have come, with its body'),
  READER_TIMEOUT_SECONDS: seconds(60, 'within which a client must have taken its answer'),
} as const;

function seconds(unlessGiven: number, what: string) {
  return z.coerce.number().min(0.1).max(600).default(unlessGiven).describe(`seconds ${what}`);
}

export interface LoadSettings extends ConnectionSettings {
  readonly MAX_REQUESTS_IN_FLIGHT: number;
  readonly LATE_AFTER_MS: number;
  readonly HEADERS_TIMEOUT_SECONDS: number;
  readonly REQUEST_TIMEOUT_SECONDS: number;
  readonly READER_TIMEOUT_SECONDS: number;
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
  /** When its answer was given to the connection, in milliseconds. */
  answeredAt?: number;
  readonly request: IncomingMessage;
  readonly end: () => void;
}

const WORK = Symbol('WORK');
type Held = IncomingMessage & { [WORK]?: Work };

/** A request that waits for a place, and until when. */
interface Waiting {
  readonly request: Held;
  readonly response: ServerResponse;
  readonly until: number;
}

/**
 * Answers 503 to what is more than the app can serve, before anything of it is looked at: neither routed, nor its body read, nor its caller
 * asked for. What comes in a burst waits a moment for a place. /live, /ready and /metrics are always served: an overloaded app is not to be
 * restarted, and it is to be seen.
 */
export function shedLoad(fastify: FastifyInstance, settings: LoadSettings, metrics: Metrics): void {
  const { server } = fastify;
  const [handle] = server.listeners('request');
  if (!handle) throw new Error('the server has nothing that handles requests');
  const entrance = new Entrance(settings, metrics, (request, response) => handle.call(server, request, response));
  server.removeAllListeners('request');
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (ALWAYS_SERVED.has(request.url ?? '')) handle.call(server, request, response);
    else entrance.take(request, response);
  });
  fastify.addHook('preHandler', beginHandling);
  fastify.addHook('onSend', endHandling);
  const sweep = setInterval(() => entrance.dropSlowReaders(), settings.READER_TIMEOUT_SECONDS * SWEEPS_MS);
  sweep.unref();
  fastify.addHook('onClose', async () => clearInterval(sweep));
}

/** Of each second of the time that readers have. */
const SWEEPS_MS = 250;

class Entrance {
  private readonly limit: InFlightLimit;
  private readonly most: number;
  private readonly shed;
  private readonly works = new Set<Work>();
  private readonly readersMs: number;
  private waiting: Waiting[] = [];
  /** When nobody waited last. */
  private calmAt = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    settings: LoadSettings,
    metrics: Metrics,
    private readonly handle: (request: IncomingMessage, response: ServerResponse) => void,
  ) {
    this.most = settings.MAX_REQUESTS_IN_FLIGHT || Infinity;
    this.readersMs = settings.READER_TIMEOUT_SECONDS * 1_000;
    this.limit = new InFlightLimit(this.most, settings.LATE_AFTER_MS);
    this.shed = measureLoad(this.limit, metrics);
  }

  take(request: Held, response: ServerResponse): void {
    if (this.limit.enter()) return this.begin(request, response);
    if (this.waiting.length >= this.most) return this.refuse(response);
    const now = performance.now();
    if (this.waiting.length === 0) this.calmAt = now;
    const patience = now - this.calmAt < BURST_MS ? BURST_MS : UNDER_PRESSURE_MS;
    this.waiting.push({ request, response, until: now + patience });
    this.timer ??= setTimeout(() => this.losePatience(), patience);
  }

  private begin(request: Held, response: ServerResponse): void {
    const began = performance.now();
    const end = () => {
      const now = performance.now();
      this.works.delete(work);
      this.limit.leave(now - began, now);
      this.letIn(now);
    };
    const work: Work = { isHandled: false, isClosed: false, request, end };
    this.works.add(work);
    request[WORK] = work;
    response.once('close', () => {
      work.isClosed = true;
      if (!work.isHandled) work.end();
    });
    this.handle(request, response);
  }

  /** A client that takes its answer in drops would hold a place for as long as it likes. */
  dropSlowReaders(): void {
    const since = performance.now() - this.readersMs;
    for (const { answeredAt, request } of this.works)
      if (answeredAt !== undefined && answeredAt < since) request.socket.destroy();
  }

  /** Those who have waited, in their order, but nobody who has gone and nobody who has waited too long. */
  private letIn(now: number): void {
    while (this.waiting.length > 0) {
      const [{ request, response, until }] = this.waiting as [Waiting]; // it is not empty
      const isDue = !response.destroyed && until > now;
      if (isDue && !this.limit.enter()) return;
      this.waiting.shift();
      if (isDue) this.begin(request, response);
      else if (!response.destroyed) this.refuse(response);
    }
  }

  private losePatience(): void {
    const now = performance.now();
    const late = this.waiting.filter(({ until }) => until <= now);
    this.waiting = this.waiting.filter(({ until }) => until > now);
    for (const { response } of late) if (!response.destroyed) this.refuse(response);
    this.timer = this.waiting.length > 0 ? setTimeout(() => this.losePatience(), UNDER_PRESSURE_MS) : undefined;
  }

  /** The connection stays open: to make a new one would cost more than this answer. */
  private refuse(response: ServerResponse): void {
    this.shed.inc();
    response.writeHead(503, REFUSAL_HEADERS).end(REFUSAL);
  }
}

/** How long a request of a burst may wait for a place, in milliseconds. With the time that it then takes it stays well under a second. */
const BURST_MS = 400;
/** And when the burst turns out to last: a queue that does not end would only make everybody later. */
const UNDER_PRESSURE_MS = 50;

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
    work.answeredAt = performance.now();
    if (work.isClosed) work.end();
  }
  done();
}

const ALWAYS_SERVED: ReadonlySet<string> = new Set(['/live', '/ready', '/metrics']);

const REFUSAL = JSON.stringify({ message: 'there are more requests than can be served just now; try again' });
const REFUSAL_HEADERS = {
  ...SECURITY_HEADERS,
  'content-type': 'application/json',
  'content-length': String(REFUSAL.length),
  'retry-after': '1',
};

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
