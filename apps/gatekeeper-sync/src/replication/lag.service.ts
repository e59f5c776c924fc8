import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { type PermissionReplica, permissionStreams } from '@caregate/change-events';
import { CONFIG, HealthChecks, LOGGER, type Logger, Metrics } from '@caregate/service';
import { setTimeout as pause } from 'node:timers/promises';
import type { GatekeeperSyncConfig } from '../config.ts';
import { CanaryService } from './canary.service.ts';

/** Until a replica is known to follow, so that a start does not take longer for it. */
const SOON_MS = 250;

/** Measures from end to end how far each replica is behind, for as long as the app runs. */
@Injectable()
export class LagService implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly stopping = new AbortController();
  private running: Promise<unknown> = Promise.resolve();
  private begin = 0;
  /** When each replica was last known to be up to date. */
  private readonly freshAt = new Map<string, number>();
  private readonly lag;

  constructor(
    @Inject(CONFIG) private readonly config: GatekeeperSyncConfig,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly canary: CanaryService,
    private readonly health: HealthChecks,
    metrics: Metrics,
  ) {
    this.lag = metrics.gauge(
      'caregate_replication_lag_seconds',
      'From a commit in the clinic database to the gatekeeper database',
      ['replica'],
    );
  }

  onApplicationBootstrap(): void {
    this.begin = performance.now();
    this.health.register('replication', () => this.assertFresh());
    this.running = Promise.all(permissionStreams.map((replica) => this.measure(replica)));
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async measure(replica: PermissionReplica): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await this.measureOnce(replica);
      const untilNext = this.config.LAG_SECONDS * 1000;
      const isKnown = this.freshAt.has(replica.replica);
      await pause(isKnown ? untilNext : Math.min(SOON_MS, untilNext), undefined, { signal }).catch(() => undefined); // aborted: the app stops
    }
  }

  private async measureOnce(replica: PermissionReplica): Promise<void> {
    const begin = performance.now();
    try {
      const took = await this.canary.pass(replica, this.config.LAG_LIMIT_SECONDS * 1000);
      this.freshAt.set(replica.replica, begin);
      this.lag.set({ replica: replica.replica }, took / 1000);
    } catch (error) {
      this.lag.set({ replica: replica.replica }, this.secondsBehind(replica.replica));
      this.logger.debug({ err: error, replica: replica.replica }, 'the canary did not arrive');
    }
  }

  private secondsBehind(replica: string): number {
    return (performance.now() - (this.freshAt.get(replica) ?? this.begin)) / 1000;
  }

  private async assertFresh(): Promise<void> {
    const limit = this.config.LAG_LIMIT_SECONDS + this.config.LAG_SECONDS;
    const replicas = permissionStreams.map(({ replica }) => replica);
    const unknown = replicas.filter((replica) => !this.freshAt.has(replica));
    if (unknown.length > 0)
      throw new Error(
        `${unknown.join(' and ')} not known yet to follow the clinic database; where that lasts, the connectors may not read and write the databases of MONGODB_URI and GATEKEEPER_MONGODB_URI: see CONNECT_MONGODB_URI and CONNECT_GATEKEEPER_MONGODB_URI`,
      );
    const behind = replicas.filter((replica) => this.secondsBehind(replica) > limit);
    if (behind.length > 0)
      throw new Error(`${behind.join(' and ')} more than ${this.config.LAG_LIMIT_SECONDS} s behind`);
  }
}
