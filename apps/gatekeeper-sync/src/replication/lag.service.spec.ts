import { eventually } from '@caregate/eventually';
import { HealthChecks, type Logger, Metrics } from '@caregate/service';
import type { GatekeeperSyncConfig } from '../config.ts';
import type { CanaryService } from './canary.service.ts';
import { LagService } from './lag.service.ts';

/** Canaries that arrive when the test says so. */
class HeldCanaries {
  readonly arrivals: (() => void)[] = [];
  pass = () => new Promise<number>((resolve) => void this.arrivals.push(() => resolve(0)));
  async arrive() {
    await eventually(() => Promise.resolve(this.arrivals.length === REPLICAS), 'canaries that are on their way');
    for (const arrival of this.arrivals.splice(0)) arrival();
  }
}

const REPLICAS = 2;

test('an app is not ready before a canary has come behind all that was copied, however long that takes', async () => {
  const canaries = new HeldCanaries();
  const health = new HealthChecks();
  const lag = new LagService(
    { LAG_SECONDS: 3_600, LAG_LIMIT_SECONDS: 3_600 } as unknown as GatekeeperSyncConfig, // as far as the service uses them
    { debug: () => undefined } as unknown as Logger,
    canaries as unknown as CanaryService,
    health,
    new Metrics(),
  );
  lag.onApplicationBootstrap();
  try {
    await expect(health.assertReady()).rejects.toThrow(/replication: .* not known yet to follow the clinic database/);
    await canaries.arrive(); // a canary is not copied, so that it comes behind all that is
    await eventually(
      () =>
        health.assertReady().then(
          () => true,
          () => false,
        ),
      'ready',
    );
  } finally {
    for (const arrival of canaries.arrivals) arrival();
    await lag.onApplicationShutdown();
  }
});
