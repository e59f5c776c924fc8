import { type DynamicModule, Inject, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { createConnection, type Connection } from 'mongoose';
import { setTimeout as pause } from 'node:timers/promises';
import { withAdvice } from './certificate-advice.ts';
import { guardAgainstClosedSockets } from './closed-sockets.ts';
import { HealthChecks } from './health.ts';
import { LOGGER, type Logger } from './log.ts';
import { adviceOnMongo } from './mongo-advice.ts';
import { ForeignOwner } from './ownership.ts';

/** Injection token of the app's mongoose `Connection`. */
export const MONGO = Symbol('MONGO');
const OPTIONS = Symbol('MONGO_OPTIONS');

export interface MongoOptions {
  /** `mongodb://host:port/database`. */
  readonly uri: string;
  /**
   * Makes sure that the database is ours. It has a connection of its own: the app's stays closed, and nothing is served from the database,
   * until the claim has succeeded.
   */
  readonly claim: (connection: Connection) => Promise<unknown>;
  /** Brings indexes and collections up to date; runs once connected, again until it succeeds, and before the app is ready. */
  readonly prepare?: (connection: Connection) => Promise<void>;
  /** Under which token the connection is injected, and its name in messages; an app with two databases needs two. */
  readonly token?: symbol;
  readonly name?: string;
}

const RETRY_MS = 500;
/** Until an operator has changed something. */
const FOREIGN_RETRY_MS = 5_000;

/** Connects in the background and keeps trying, so that an app starts, and says it is not ready, while MongoDB is away. */
class MongoLink implements OnModuleInit, OnApplicationShutdown {
  private claimed = false;
  private prepared = false;
  private readonly leaving = new AbortController();
  /** What is to be done about the last failure, as far as that is known. */
  private advice: string | undefined;

  constructor(
    private readonly connection: Connection,
    private readonly options: MongoOptions,
    private readonly logger: Logger,
    private readonly health: HealthChecks,
  ) {}

  onModuleInit(): void {
    this.health.register(this.options.name ?? 'mongodb', () => this.check());
    void this.connect();
  }

  async onApplicationShutdown(): Promise<void> {
    this.leaving.abort();
    await this.connection.close();
  }

  private async connect(): Promise<void> {
    for (let attempt = 1; !this.prepared && !this.leaving.signal.aborted; attempt++) {
      try {
        await this.claim();
        if (this.connection.readyState !== 1) await this.connection.openUri(this.options.uri, CONNECT_OPTIONS);
        await this.options.prepare?.(this.connection);
        this.prepared = true;
      } catch (error) {
        const isForeign = error instanceof ForeignOwner;
        const advice = isForeign ? error.message : adviceOnMongo(error);
        const isNews = attempt === 1 || advice !== this.advice;
        this.advice = advice;
        if (isNews && isForeign) this.logger.error(`not serving: ${advice}`);
        else if (isNews)
          this.logger.warn({ err: error }, `MongoDB is not reachable yet${withAdvice(advice)}; trying on`);
        await pause(isForeign ? FOREIGN_RETRY_MS : RETRY_MS, undefined, { signal: this.leaving.signal }).catch(
          () => {},
        );
      }
    }
  }

  private async claim(): Promise<void> {
    if (this.claimed) return;
    await withDatabase(this.options.uri, this.options.claim);
    this.claimed = true;
  }

  private async check(): Promise<void> {
    if (!this.prepared) throw new Error(`not connected yet${withAdvice(this.advice)}`);
    await this.connection.db?.command({ ping: 1 });
  }
}

/** Commands fail at once until it is opened, which it is only once the database is known to be ours. */
function closedConnection(): Connection {
  const connection = createConnection();
  connection.config.bufferCommands = false; // `set` reaches only what is there already
  return connection;
}

/** Does something on a connection of its own. */
export async function withDatabase<T>(uri: string, work: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = createConnection();
  try {
    await connection.openUri(uri, { ...CONNECT_OPTIONS, maxPoolSize: 1 });
    return await work(connection);
  } finally {
    await connection.close();
  }
}

const CONNECT_OPTIONS = {
  // Commands fail at once while it is not open, instead of waiting. (`connection.set` would not reach what asks for these.)
  bufferCommands: false,
  autoIndex: false,
  serverSelectionTimeoutMS: 3_000,
  writeConcern: { w: 'majority', journal: true },
  readConcernLevel: 'majority',
  ignoreUndefined: true,
  maxPoolSize: 50,
} as const;

@Module({})
export class MongoModule {
  static forRoot(options: MongoOptions): DynamicModule {
    const token = options.token ?? MONGO;
    const link = Symbol('MONGO_LINK');
    guardAgainstClosedSockets();
    return {
      module: MongoModule,
      global: true,
      providers: [
        { provide: OPTIONS, useValue: options },
        { provide: token, useFactory: closedConnection },
        {
          provide: link,
          inject: [token, LOGGER, HealthChecks],
          useFactory: (connection: Connection, logger: Logger, health: HealthChecks) =>
            new MongoLink(connection, options, logger, health),
        },
      ],
      exports: [token],
    };
  }
}

export const InjectMongo = () => Inject(MONGO);
