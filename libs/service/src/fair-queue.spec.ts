import { jest } from '@jest/globals';
import { FairQueue, type FairQueueLimits, type Share } from './fair-queue.ts';

/** Work that begins when it is its turn and ends when the test says so. */
class Work {
  readonly began: string[] = [];
  private readonly ends = new Map<string, () => void>();
  private readonly queue: FairQueue;

  constructor(limits: FairQueueLimits) {
    this.queue = new FairQueue(limits);
  }

  give(name: string, share: Share): void {
    void this.queue.run(share, () => {
      this.began.push(name);
      return new Promise<void>((resolve) => this.ends.set(name, resolve));
    });
  }

  async end(name: string): Promise<void> {
    this.ends.get(name)?.();
    this.ends.delete(name);
    for (let ticks = 0; ticks < 5; ticks++) await Promise.resolve();
  }

  /** Ends whatever runs, until nothing does. */
  async endAll(): Promise<void> {
    while (this.ends.size > 0) await this.end([...this.ends.keys()][0] ?? '');
  }
}

test('each tenant has its turn, whoever has brought more', async () => {
  const work = new Work({ places: 1 });
  for (const n of [1, 2, 3, 4]) work.give(`a${n}`, { tenant: 'a' });
  for (const n of [1, 2]) work.give(`b${n}`, { tenant: 'b' });
  work.give('c1', { tenant: 'c' });
  await work.endAll();
  expect(work.began).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4']);
});

test('a tenant keeps to its places, and the others are free for the next', async () => {
  const work = new Work({ places: 4, perTenant: 2 });
  for (const n of [1, 2, 3, 4]) work.give(`a${n}`, { tenant: 'a' });
  work.give('b1', { tenant: 'b' });
  expect(work.began).toEqual(['a1', 'a2', 'b1']);
  await work.end('a1');
  expect(work.began.at(-1)).toBe('a3');
});

test('a target that is stuck keeps to its places, for its own tenant too', async () => {
  const work = new Work({ places: 4, perTarget: 1 });
  for (const n of [1, 2, 3]) work.give(`stuck${n}`, { tenant: 'a', target: 'stuck.test' });
  work.give('other', { tenant: 'a', target: 'other.test' });
  work.give('b stuck', { tenant: 'b', target: 'stuck.test' });
  expect(work.began).toEqual(['stuck1', 'other']);
  await work.end('stuck1');
  expect(work.began).toHaveLength(3);
});

test('what fails or throws at once gives its place back', async () => {
  const queue = new FairQueue({ places: 1 });
  const failing = queue.run({ tenant: 'a' }, () => Promise.reject(new Error('one')));
  const throwing = queue.run({ tenant: 'a' }, () => {
    throw new Error('two');
  });
  await expect(failing).rejects.toThrow('one');
  await expect(throwing).rejects.toThrow('two');
  expect(await queue.run({ tenant: 'a' }, async () => 3)).toBe(3);
  expect([queue.activeCount, queue.pendingCount]).toEqual([0, 0]);
});

describe('with a pace', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  test('a tenant waits for its next after the first few, nothing is lost, and others do not wait', async () => {
    const queue = new FairQueue({ places: 2, pace: { perMinute: 60, burst: 2 } });
    const began: string[] = [];
    const give = (tenant: string, count: number) => {
      for (let n = 1; n <= count; n++) void queue.run({ tenant }, async () => void began.push(`${tenant}${n}`));
    };
    give('a', 4);
    await jest.advanceTimersByTimeAsync(0);
    expect(began).toEqual(['a1', 'a2']);
    give('b', 1);
    await jest.advanceTimersByTimeAsync(0);
    expect(began).toEqual(['a1', 'a2', 'b1']);
    await jest.advanceTimersByTimeAsync(999);
    expect(began).toHaveLength(3);
    await jest.advanceTimersByTimeAsync(1_001);
    expect(began).toEqual(['a1', 'a2', 'b1', 'a3', 'a4']);
  });
});
