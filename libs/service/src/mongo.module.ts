import { type DynamicModule, Inject, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { createConnection, type Connection } from 'mongoose';
import { withAdvice } from './certificate-advice.ts';
import { guardAgainstClosedSockets } from './closed-sockets.ts';
import { HealthChecks } from './health.ts';
import { LOGGER, type Logger } from './log.ts';
import { adviceOnMongo } from './mongo-advice.ts';

/** Injection token of the app's mongoose `Connection`. */
export const MONGO = Symbol('MONGO');
const OPTIONS = Symbol('MONGO_OPTIONS');

export interface MongoOptions {
  /** `mongodb://host:port/database`. */
  readonly uri: string;
  /** Brings indexes and collections up to date; runs once connected, again until it succeeds, and before the app is ready. */
  readonly prepare?: (connection: Connection) => Promise<void>;
  /** Under which token the connection is injected, and its name in messages; an app with two databases needs two. */
  readonly token?: symbol;
  readonly name?: string;
}

const RETRY_MS = 500;

/** Connects in the background and keeps trying, so that an app starts, and says it is not ready, while MongoDB is away. */
class MongoLink implements OnModuleInit, OnApplicationShutdown {
  private prepared = false;
  private leaving = false;
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
    this.leaving = true;
    await this.connection.close();
  }

  private async connect(): Promise<void> {
    for (let attempt = 1; !this.prepared && !this.leaving; attempt++) {
      try {
        if (this.connection.readyState !== 1) await this.connection.openUri(this.options.uri, CONNECT_OPTIONS);
        await this.options.prepare?.(this.connection);
        this.prepared = true;
      } catch (error) {
        const advice = adviceOnMongo(error);
        const isNews = attempt === 1 || advice !== this.advice;
        this.advice = advice;
        if (isNews) this.logger.warn({ err: error }, `MongoDB is not reachable yet${withAdvice(advice)}; trying on`);
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  private async check(): Promise<void> {
    if (!this.prepared) throw new Error(`not connected yet${withAdvice(this.advice)}`);
    await this.connection.db?.command({ ping: 1 });
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
        { provide: token, useFactory: () => createConnection() },
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
