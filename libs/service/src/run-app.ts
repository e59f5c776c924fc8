import 'reflect-metadata';
import { type DynamicModule, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import { brokenRequests } from './broken-requests.ts';
import { type commonSettings, CONFIG, ConfigError, loadConfig, settingsHelp } from './config.ts';
import { ErrorFilter } from './error-filter.ts';
import { limitHeaders } from './headers-limit.ts';
import { HealthChecks, HealthController } from './health.ts';
import { createLogger, LOGGER, type Logger, NestLog } from './log.ts';
import { Metrics, MetricsController } from './metrics.ts';
import { measureReadiness, measureRequests } from './metrics-of-app.ts';
import { BODY_LIMIT } from './load/body-buffer.ts';
import { listen } from './load/listen.ts';
import type { LoadSettings } from './load/settings.ts';
import { shedLoad } from './load/shed-load.ts';
import { sendSecurityHeaders } from './security-headers.ts';
import { acceptJson } from './json-body.ts';
import { limitHeapGrowth } from './memory.ts';
import { startTracing, traceRequests } from './tracing/index.ts';
import { heedProxies, type ProxyHeaders, trustOf } from './proxies.ts';

export interface AppDefinition<Shape extends z.ZodRawShape & typeof commonSettings> {
  readonly name: string;
  readonly schema: z.ZodObject<Shape>;
  readonly module: (config: z.output<z.ZodObject<Shape>>) => DynamicModule | Type;
  /** Adds what is the app's own between creation and listening: hooks, microservices, pages. */
  readonly configure?: (
    app: NestFastifyApplication,
    config: z.output<z.ZodObject<Shape>>,
    logger: Logger,
  ) => Promise<void> | void;
}

/** The whole life of an app: settings, start, listening, and a shutdown that finishes what is running and exits 0. */
export async function runApp<Shape extends z.ZodRawShape & typeof commonSettings>(
  definition: AppDefinition<Shape>,
): Promise<void> {
  if (process.argv.includes('--help')) {
    process.stdout.write(settingsHelp(definition.name, definition.schema));
    return;
  }
  try {
    const { app, logger, url } = await startApp(definition, process.env);
    logger.info({ url }, 'listening');
    stopOnSignal(app, logger);
  } catch (error) {
    process.stderr.write(
      `${definition.name}: cannot start: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    if (!(error instanceof ConfigError) && error instanceof Error && !isAddressFault(error))
      process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  }
}

interface Common extends LoadSettings {
  readonly HOST: string;
  readonly PORT: number;
  readonly LOG_LEVEL: string;
  /** The directory belongs to no shard. */
  readonly SHARD_ID?: string;
  readonly TRUSTED_PROXIES?: string;
  readonly PROXY_HEADERS: ProxyHeaders;
  readonly HEAP_GROWTH_PERCENT: number;
  readonly OTEL_EXPORTER_OTLP_ENDPOINT?: string;
}

/** Starts an app in this process; tests use it with settings of their own. */
export async function startApp<Shape extends z.ZodRawShape & typeof commonSettings>(
  definition: AppDefinition<Shape>,
  env: NodeJS.ProcessEnv,
): Promise<{ app: NestFastifyApplication; logger: Logger; url: string }> {
  const config = loadConfig(definition.schema, env);
  // The constraint on Shape says that the common settings are among them; zod's mapped output type does not let TypeScript see it.
  const common = config as unknown as Common;
  const logger = createLogger(definition.name, common.LOG_LEVEL, {
    ...(common.SHARD_ID !== undefined && { shard: common.SHARD_ID }),
  });
  limitHeapGrowth(common.HEAP_GROWTH_PERCENT);
  const trust = common.TRUSTED_PROXIES === undefined ? undefined : trustOf(common.TRUSTED_PROXIES);
  const endTracing = await tracing(definition.name, common);
  const app = await NestFactory.create<NestFastifyApplication>(
    serviceModule(definition.module(config), config, logger),
    new FastifyAdapter({ ...SERVER_OPTIONS, ...timeouts(common), ...(trust && { trustProxy: trust }) }),
    { logger: new NestLog(logger), bodyParser: false, abortOnError: false },
  );
  const fastify = app.getHttpAdapter().getInstance();
  shedLoad(fastify, common, app.get(Metrics), { trust, family: common.PROXY_HEADERS });
  sendSecurityHeaders(fastify);
  limitHeaders(fastify);
  heedProxies(fastify, trust, common.PROXY_HEADERS);
  acceptJson(fastify);
  closeConnectionsWhenLeaving(fastify);
  logRequests(fastify, logger);
  measureRequests(fastify, app.get(Metrics));
  measureReadiness(app.get(Metrics), app.get(HealthChecks));
  if (endTracing) {
    traceRequests(fastify);
    fastify.addHook('onClose', endTracing);
  }
  app.useGlobalFilters(new ErrorFilter(logger));
  await definition.configure?.(app, config, logger);
  await listen(app, { port: common.PORT, host: common.HOST });
  return { app, logger, url: await app.getUrl() };
}

async function tracing(app: string, { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, SHARD_ID: shard }: Common) {
  return endpoint === undefined ? undefined : startTracing({ endpoint, app, ...(shard !== undefined && { shard }) });
}

/** For whoever looks for a fault: each request and its answer, without what was said in them. */
function logRequests(fastify: FastifyInstance, logger: Logger): void {
  if (!logger.isLevelEnabled('debug')) return;
  fastify.addHook('onSend', async (request, reply) => {
    const { id, method } = request;
    logger.debug({ requestId: id, method, route: request.routeOptions.url, status: reply.statusCode }, 'answered');
  });
}

/** A connection whose request was running when the app was told to stop would otherwise stay open, waiting for the next, and hold up the stop. */
function closeConnectionsWhenLeaving(fastify: FastifyInstance): void {
  let leaving = false;
  fastify.addHook('preClose', async () => {
    leaving = true;
  });
  fastify.addHook('onSend', async (_request, reply) => {
    if (leaving) void reply.header('connection', 'close');
  });
}

/** A client that sends slowly holds a connection for so long at most. Node looks at its connections from time to time only. */
function timeouts({ HEADERS_TIMEOUT_SECONDS, REQUEST_TIMEOUT_SECONDS }: Common) {
  const requestTimeout = REQUEST_TIMEOUT_SECONDS * 1_000;
  const headersTimeout = Math.min(HEADERS_TIMEOUT_SECONDS * 1_000, requestTimeout);
  const connectionsCheckingInterval = Math.ceil(headersTimeout / 4);
  return {
    requestTimeout,
    http: {
      headersTimeout,
      requestTimeout,
      connectionsCheckingInterval,
      maxHeaderSize: 16_384,
      requireHostHeader: false, // `heedProxies` refuses what has none, with a message and all headers
    },
  };
}

const SERVER_OPTIONS = {
  bodyLimit: BODY_LIMIT,
  keepAliveTimeout: 60_000,
  connectionTimeout: 0,
  forceCloseConnections: 'idle' as const, // what is running is finished, what only waits is closed
  routerOptions: { maxParamLength: 1024 },
  genReqId: () => randomUUID(),
  ...brokenRequests,
};

/** Wraps the app's module with what every app has: settings, log, health and metrics. */
function serviceModule(appModule: DynamicModule | Type, config: object, logger: Logger): DynamicModule {
  @Module({})
  class ServiceModule {}
  return {
    module: ServiceModule,
    global: true,
    imports: [appModule],
    controllers: [HealthController, MetricsController],
    providers: [{ provide: CONFIG, useValue: config }, { provide: LOGGER, useValue: logger }, HealthChecks, Metrics],
    exports: [CONFIG, LOGGER, HealthChecks, Metrics],
  };
}

function stopOnSignal(app: NestFastifyApplication, logger: Logger): void {
  const stop = async (signal: NodeJS.Signals) => {
    logger.info({ signal }, 'shutting down: finishing what is running');
    app.get(HealthChecks).leave();
    try {
      await app.close();
      logger.info('stopped');
      process.exit(0);
    } catch (error) {
      logger.error({ err: error }, 'shutdown failed');
      process.exit(1);
    }
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, (name) => void stop(name));
}

function isAddressFault(error: Error): boolean {
  return 'code' in error && (error.code === 'EADDRINUSE' || error.code === 'EACCES' || error.code === 'EADDRNOTAVAIL');
}
