import type { GatekeeperSyncConfig } from '../config.ts';
import type { ReplicaDoubts } from '../connectors/replica-doubts.ts';
import type { CanaryService } from './canary.service.ts';
import { FreshnessService } from './freshness.service.ts';

/** A canary that arrives when the test says so. */
class HeldCanary {
  readonly arrivals: (() => void)[] = [];
  pass = () => new Promise<number>((resolve) => void this.arrivals.push(() => resolve(0)));
  arrive() {
    for (const arrival of this.arrivals.splice(0)) arrival();
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));
const REPLICAS = 2;

function freshnessWith(canary: HeldCanary) {
  // As far as the service uses them.
  return new FreshnessService(
    { READ_AFTER_TIMEOUT_MS: 1_000 } as unknown as GatekeeperSyncConfig,
    canary as unknown as CanaryService,
    { open: () => Promise.resolve([]) } as unknown as ReplicaDoubts,
  );
}

test('callers that come while a canary is on its way all wait for the next one, which is one', async () => {
  const canary = new HeldCanary();
  const freshness = freshnessWith(canary);
  const done: string[] = [];
  void freshness.upToNow().then(() => done.push('first'));
  const later = Array.from({ length: 100 }, () => freshness.upToNow().then(() => done.push('later')));
  expect(canary.arrivals).toHaveLength(REPLICAS);
  canary.arrive();
  await settled();
  expect(done).toEqual(['first']);
  expect(canary.arrivals).toHaveLength(REPLICAS);
  canary.arrive();
  await Promise.all(later);
  expect(canary.arrivals).toHaveLength(0);
});

test('a canary that failed does not fail those who wait for the next one', async () => {
  let attempts = 0;
  const freshness = freshnessWith({
    pass: async () => (attempts++ < REPLICAS ? Promise.reject(new Error('behind')) : 0),
  } as unknown as HeldCanary);
  const first = freshness.upToNow();
  const second = freshness.upToNow();
  await expect(first).rejects.toThrow('behind');
  await expect(second).resolves.toBeUndefined();
});
