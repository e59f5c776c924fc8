import { ConnectClient, placeOf } from '@caregate/change-events';
import { CONFIG, databaseTime, InjectMongo, LOGGER, type Logger, Metrics } from '@caregate/service';
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Connection } from 'mongoose';
import { setTimeout as pause } from 'node:timers/promises';
import type { GatekeeperSyncConfig } from '../config.ts';
import { ConnectorsService } from './connectors.service.ts';

/**
 * Measures how far each source is behind the clinic database, as its place in the oplog says. A source whose collections are quiet moves its place
 * by heartbeats, so the figure is exact to some ten seconds and the interval in which Connect writes places down. Canaries measure replicas better;
 * the worker's sources have none, since whatever they send is an event to the worker.
 */
@Injectable()
export class SourceLagService implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();
  /** Since when, in seconds of the database, sources are known that have no place yet: a new one, or one that copies. */
  private readonly withoutPlaceSince = new Map<string, number>();
  private readonly lag;

  constructor(
    @Inject(CONFIG) private readonly config: GatekeeperSyncConfig,
    @Inject(LOGGER) private readonly logger: Logger,
    @InjectMongo() private readonly clinic: Connection,
    private readonly connect: ConnectClient,
    private readonly connectors: ConnectorsService,
    metrics: Metrics,
  ) {
    this.lag = metrics.gauge(
      'caregate_source_lag_seconds',
      'From the clinic database’s last write to the place of the source in the oplog',
      ['connector'],
    );
  }

  onApplicationBootstrap(): void {
    this.running = this.keepMeasuring();
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async keepMeasuring(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      for (const name of await this.connectors.sourceNames().catch(() => [])) await this.measure(name);
      await pause(this.config.LAG_SECONDS * 1000, undefined, { signal }).catch(() => undefined); // aborted: the app stops
    }
  }

  private async measure(connector: string): Promise<void> {
    if (this.stopping.signal.aborted) return;
    try {
      // The place first: a write between the two looks makes the figure larger rather than negative.
      const place = placeOf(await this.connect.offsets(connector));
      const now = await this.now();
      this.lag.set(
        { connector },
        Math.max(0, now - (place ? this.placed(connector, place.t) : this.since(connector, now))),
      );
    } catch (error) {
      this.logger.debug({ err: error, connector }, 'how far a source is behind could not be asked');
    }
  }

  private placed(connector: string, seconds: number): number {
    this.withoutPlaceSince.delete(connector);
    return seconds;
  }

  private since(connector: string, now: number): number {
    const since = this.withoutPlaceSince.get(connector) ?? now;
    this.withoutPlaceSince.set(connector, since);
    return since;
  }

  /** The time of the database's last write, in seconds. A database without any writes one of its own every ten seconds. */
  private async now(): Promise<number> {
    if (!this.clinic.db) throw new Error('MongoDB is not connected yet');
    return (await databaseTime(this.clinic.db)).t;
  }
}
