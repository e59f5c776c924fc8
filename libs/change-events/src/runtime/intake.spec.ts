import type { Kafka } from 'kafkajs';
import { Intake } from './intake.ts';

const TOO_MANY = 10_001;

/** A consumer as far as the intake uses it. Like the real one, it can be told to pause only while it runs. */
class FakeConsumer {
  readonly events = { CRASH: 'crash', GROUP_JOIN: 'join', HEARTBEAT: 'heartbeat' };
  readonly paused: unknown[] = [];
  private readonly listeners = new Map<string, (event: unknown) => void>();
  private running = false;
  deliver: (batch: object) => void = () => undefined;

  constructor(private readonly connected: Promise<void>) {}

  on(event: string, listener: (event: unknown) => void) {
    this.listeners.set(event, listener);
  }
  connect = () => this.connected;
  subscribe = async () => undefined;
  async run({ eachBatch }: { eachBatch: (given: { batch: object }) => Promise<void> }) {
    this.running = true;
    this.deliver = (batch) => void eachBatch({ batch });
    this.emit('join', { memberAssignment: { t: [0] } });
  }
  pause(where: unknown) {
    if (!this.running) throw new Error('consumer#run must be called first');
    this.paused.push(where);
  }
  resume = this.pause;
  commitOffsets = async () => undefined;
  disconnect = async () => undefined;
  crash() {
    this.running = false;
    this.emit('crash', { error: new Error('the broker is gone') });
  }
  private emit(event: string, payload: object) {
    this.listeners.get(event)?.({ payload });
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('messages that end while no consumer runs harm nobody, and the next consumer is told to pause', async () => {
  const first = new FakeConsumer(Promise.resolve());
  let connect: () => void = () => undefined;
  const second = new FakeConsumer(new Promise((resolve) => (connect = resolve)));
  const consumers = [first, second];
  const finish: (() => void)[] = [];
  const intake = new Intake({
    kafka: { consumer: () => consumers.shift() } as unknown as Kafka, // nothing else is asked of it
    groupId: 'g',
    topics: ['t'],
    logger: { info() {}, warn() {}, error() {} } as never, // nothing is to be said
    prepare: async () => undefined,
    receive: () => new Promise<void>((resolve) => void finish.push(resolve)),
  });
  const failures: unknown[] = [];
  const note = (reason: unknown) => void failures.push(reason);
  process.on('unhandledRejection', note);
  intake.start();
  await settled();
  const messages = Array.from({ length: TOO_MANY + 2 }, (_, n) => ({
    offset: String(n),
    key: null,
    value: null,
    headers: {},
    timestamp: '0',
  }));
  const batch = {
    topic: 't',
    partition: 0,
    highWatermark: String(messages.length),
    messages,
    lastOffset: () => String(messages.length - 1),
  };
  first.deliver(batch);
  expect(first.paused).toHaveLength(1);
  first.crash();
  finish[0]?.();
  await settled();
  while (consumers.length > 0) await settled(); // the intake waits a moment before it begins anew
  finish[1]?.();
  await settled();
  connect();
  await settled();
  second.deliver({ ...batch, messages: [] });
  expect(second.paused).toHaveLength(1);
  process.off('unhandledRejection', note);
  expect(failures).toEqual([]);
  for (const end of finish) end();
  await intake.stop();
});
