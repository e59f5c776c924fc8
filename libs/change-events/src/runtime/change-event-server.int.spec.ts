import { eventually } from '@caregate/eventually';
import { Controller } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { type Happening, SERVERS_GIVEN, WorkerHarness } from '../../test/worker-harness.ts';
import { createConnection, mongo } from 'mongoose';
import { TcpProxy } from '../../test/tcp-proxy.ts';
import {
  DeadLetters,
  EventLog,
  GiveUp,
  IN_NO_TOPIC,
  NoSuchDeadLetter,
  NothingToReplay,
  openGaps,
  type RawMessage,
  Reaction,
  ReactionContext,
} from './index.ts';

const describeWithServers = SERVERS_GIVEN ? describe : describe.skip;

/** A controller that notes what it is given, and does `work` first. */
function noting(work: (event: Happening, context: ReactionContext) => Promise<void> | void = () => {}) {
  const seen: Happening[] = [];
  @Controller()
  class Noting {
    @Reaction<Happening>({ name: 'note', stream: 'happenings' })
    async note(@Payload() event: Happening, @Ctx() context: ReactionContext): Promise<void> {
      await work(event, context);
      seen.push(event);
    }
  }
  return { controller: Noting, seen };
}

const happening = (document: string, n: number): Happening => ({ id: `${document}-${n}`, document, n });
const BROKERS = (process.env['KAFKA_BROKERS'] ?? '').split(',');
const QUICK = { firstDelay: 50, longestDelay: 200, longestDelayWhileAway: 200, attempts: 3 };

describeWithServers('a worker on real Kafka and MongoDB', () => {
  let harness: WorkerHarness;
  beforeEach(async () => {
    harness = new WorkerHarness();
    await harness.start();
  });
  afterEach(() => harness.stop());

  it('reacts to each event once, in the order of each document, from the beginning of the topic', async () => {
    const events = Array.from({ length: 300 }, (_, i) => happening(`d${i % 20}`, Math.floor(i / 20)));
    await harness.publish(...events);
    const { controller, seen } = noting();
    await harness.worker([controller]);
    await eventually(() => seen.length >= 300);
    for (let d = 0; d < 20; d++)
      expect(seen.filter(({ document }) => document === `d${d}`).map(({ n }) => n)).toEqual([...Array(15).keys()]);
    await eventually(async () => (await harness.records()).every(({ state }) => state === 'done'));
    expect(await harness.records()).toHaveLength(300);
  });

  it('does not react again to an event that is delivered again', async () => {
    const { controller, seen } = noting();
    await harness.worker([controller]);
    await harness.publish(happening('a', 1), happening('a', 1), happening('a', 2), happening('a', 1));
    await eventually(() => seen.some(({ n }) => n === 2));
    await harness.publish(happening('a', 3));
    await eventually(() => seen.some(({ n }) => n === 3));
    expect(seen.map(({ n }) => n)).toEqual([1, 2, 3]);
  });

  it('lets what waits long for one tenant, however much there is of it, keep no other tenant waiting', async () => {
    const [begun, done]: [string[], string[]] = [[], []];
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    @Controller()
    class Slow {
      @Reaction<Happening>({ name: 'wait', stream: 'happenings', queue: 'slow' })
      async wait({ document }: Happening): Promise<void> {
        begun.push(document);
        if (document.startsWith('many')) await held;
        done.push(document);
      }
    }
    await harness.publish(...Array.from({ length: 700 }, (_, n) => happening(`many-${n}`, 1)));
    await harness.worker([Slow], { concurrency: 8, tenantOf: async ({ key }) => key.split('-')[0] ?? '' });
    await eventually(() => begun.length > 0);
    await harness.publish(happening('few-1', 1), happening('few-2', 1));
    await eventually(() => done.length === 2);
    expect(done.toSorted()).toEqual(['few-1', 'few-2']);
    release();
    await eventually(() => done.length === 702);
  });

  it('tells a reaction which attempt it is, and that it has to stop', async () => {
    const told: unknown[] = [];
    const { controller } = noting(async (_event, { attempt, reactionId, signal }) => {
      told.push({ attempt: attempt.attempt, reactionId });
      if (told.length === 1) throw new Error('once more');
      if (told.length === 2)
        await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    });
    await harness.worker([controller], { retries: QUICK, grace: 1 }).then(async ({ close }) => {
      await harness.publish(happening('a', 1));
      await eventually(() => told.length === 2);
      await close();
    });
    const [{ _id: reactionId } = { _id: undefined }] = await harness.records();
    expect(told).toEqual([
      { attempt: 1, reactionId },
      { attempt: 2, reactionId },
    ]);
  });

  it('lets later events of a document wait for the one that is retried, and nobody else', async () => {
    let broken = true;
    const { controller, seen } = noting(({ document }) => {
      if (broken && document === 'sick') throw new Error('not today');
    });
    await harness.worker([controller], { retries: { ...QUICK, attempts: 1_000 } });
    await harness.publish(
      happening('sick', 1),
      happening('well', 1),
      happening('sick', 2),
      happening('well', 2),
      happening('sick', 3),
    );
    await eventually(() => seen.length === 2);
    expect(seen.map(({ document }) => document)).toEqual(['well', 'well']);
    broken = false;
    await eventually(() => seen.length === 5);
    expect(seen.slice(2).map(({ document, n }) => `${document}${n}`)).toEqual(['sick1', 'sick2', 'sick3']);
    await harness.publish(happening('sick', 4));
    await eventually(() => seen.length === 6);
  });

  it('puts into the dead letters what is malformed, what gives up and what fails too often, and goes on with the rest', async () => {
    const { controller, seen } = noting(({ document }) => {
      if (document === 'hopeless') throw new GiveUp('the user of someone@example.com is gone');
      if (document === 'poison') throw new Error('cannot digest');
    });
    const { metrics } = await harness.worker([controller], { retries: QUICK });
    await harness.publishRaw({ key: 'x', value: 'no json' }, { key: 'x', value: '{}' });
    await harness.publish(
      happening('hopeless', 1),
      happening('poison', 1),
      happening('good', 1),
      happening('poison', 2),
      happening('hopeless', 2),
    );
    const deadLetters = new DeadLetters({ brokers: BROKERS, topicPrefix: harness.prefix });
    await eventually(async () => (await deadLetters.list()).length === 6);
    expect(seen.map(({ document }) => document)).toEqual(['good']);
    await eventually(async () => (await harness.records()).every(({ open }) => !open));
    const records = await harness.records();
    expect(records.find(({ _id }) => String(_id).startsWith('note:hopeless'))).toMatchObject({
      state: 'dead',
      failure: 'GiveUp: the user of …@… is gone',
      attempts: 1,
    });
    expect(records.find(({ _id }) => String(_id).startsWith('note:poison'))).toMatchObject({
      state: 'dead',
      failure: 'Error: cannot digest',
      attempts: 3,
    });
    const text = await metrics.registry.metrics();
    expect(text).toMatch(/caregate_reactions_total\{reaction="note",outcome="dead"\} 4/);
    expect(text).toMatch(/caregate_malformed_messages_total\{topic="[^"]+"\} 2/);
  });

  it('repeats what another worker left running, after the lease, and not before', async () => {
    const { controller, seen } = noting();
    let began = false;
    const stopped = noting(() => {
      began = true;
      return new Promise(() => {});
    });
    const first = await harness.worker([stopped.controller], { lease: 1_000, grace: 1 });
    await harness.publish(happening('a', 1), happening('a', 2));
    await eventually(() => began);
    await first.close(); // its grace is over at once: the record stays claimed, as after a SIGKILL
    const [record] = await harness.records();
    expect(record).toMatchObject({ state: 'running', open: true });
    await harness.worker([controller], { lease: 1_000 });
    await eventually(() => seen.length === 2);
    expect(seen.map(({ n }) => n)).toEqual([1, 2]);
    expect(Date.now()).toBeGreaterThan(record?.['leaseUntil'].getTime());
  });

  it('finishes the running reaction when it is closed, commits it, and leaves the rest to the next', async () => {
    let release: (() => void) | undefined;
    const { controller, seen } = noting(() => new Promise<void>((resolve) => (release = resolve)));
    const first = await harness.worker([controller]);
    await harness.publish(happening('a', 1), happening('a', 2));
    await eventually(() => release);
    const closed = first.close();
    release?.();
    await closed;
    expect(seen.map(({ n }) => n)).toEqual([1]);
    const next = noting();
    await harness.worker([next.controller]);
    await eventually(() => next.seen.length === 1);
    expect(next.seen.map(({ n }) => n)).toEqual([2]);
  });

  it('shares the partitions among several workers, without doing anything twice', async () => {
    const [one, two] = [noting(), noting()];
    await harness.worker([one.controller]);
    await harness.publish(...Array.from({ length: 100 }, (_, i) => happening(`d${i % 10}`, i)));
    await harness.worker([two.controller]);
    let published = 100;
    // The first may read all that there is before the second has its share.
    await eventually(async () => {
      for (let i = 0; i < 10; i++) await harness.publish(happening(`d${published % 10}`, published++));
      return two.seen.length > 0;
    }, 'the second has a share');
    await eventually(() => one.seen.length + two.seen.length >= published, 'all have been seen');
    const all = [...one.seen, ...two.seen].map(({ id }) => id);
    expect(new Set(all).size).toBe(all.length);
  });

  it('shows dead letters, replays them after a fix, and drops them', async () => {
    let broken = true;
    const { controller, seen } = noting(({ document }) => {
      if (broken || document === 'hopeless') throw new GiveUp('not like this');
    });
    await harness.worker([controller], { retries: QUICK });
    const deadLetters = new DeadLetters({ brokers: BROKERS, topicPrefix: harness.prefix });
    expect(await deadLetters.list()).toEqual([]);
    await harness.publish(happening('sick', 1), happening('sick', 2), happening('hopeless', 1));
    await harness.publishRaw({ key: 'x', value: 'no json' });
    const letters = await eventually(async () =>
      (await deadLetters.list()).length === 4 ? deadLetters.list() : undefined,
    );
    expect(new Set(letters?.map(({ reason }) => reason))).toEqual(
      new Set(['GiveUp: not like this', expect.stringContaining('SyntaxError')]),
    );
    const sick = letters?.filter(({ lane }) => lane === 'note|sick') ?? [];
    const [first] = sick;
    expect(await deadLetters.show(first?.id ?? '')).toMatchObject({
      reaction: 'note',
      attempts: 1,
      message: { topic: harness.topic, value: Buffer.from(JSON.stringify(happening('sick', 1))) },
    });
    broken = false;
    await expect(deadLetters.replay(['unknown'])).rejects.toThrow(NoSuchDeadLetter);
    await deadLetters.replay(letters?.map(({ id }) => id) ?? []);
    await eventually(() => seen.length === 2);
    expect(seen.map(({ n }) => n)).toEqual([1, 2]);
    const left = await eventually(async () =>
      (await deadLetters.list()).length === 2 ? deadLetters.list() : undefined,
    );
    expect(left?.map(({ id }) => id).sort()).toEqual([
      expect.stringMatching(/^malformed:/),
      expect.stringMatching(/^note:hopeless:/),
    ]);
    await deadLetters.drop(left?.map(({ id }) => id) ?? []);
    expect(await deadLetters.list()).toEqual([]);
  });

  it('waits while MongoDB is away, and goes on without losing or repeating anything', async () => {
    const server = new URL(process.env['MONGODB_URI'] ?? '');
    const proxy = new TcpProxy({ host: server.hostname, port: Number(server.port) });
    const connection = createConnection();
    const { controller, seen } = noting(() => new Promise((resolve) => setTimeout(resolve, 5)));
    try {
      const uri = `mongodb://127.0.0.1:${await proxy.listen()}/${harness.prefix}?directConnection=true&serverSelectionTimeoutMS=500`;
      await connection.openUri(uri);
      const { close } = await harness.worker([controller], { connection, retries: QUICK });
      const events = (from: number) => Array.from({ length: 50 }, (_, i) => happening(`d${i % 5}`, from + i));
      await harness.publish(...events(0));
      await eventually(() => seen.length >= 10);
      proxy.cut();
      await harness.publish(...events(50));
      const before = seen.length;
      await eventually(
        async () =>
          (await harness.admin.fetchTopicOffsets(harness.topic)).reduce((sum, { high }) => sum + Number(high), 0) ===
          100,
      );
      proxy.restore();
      await eventually(() => new Set(seen.map(({ id }) => id)).size === 100);
      await eventually(async () => (await harness.records()).every(({ state }) => state === 'done'));
      expect(before).toBeLessThan(100);
      expect(seen).toHaveLength(100);
      await close();
    } finally {
      await connection.close();
      await proxy.close();
    }
  });

  it('takes thousands of unreadable messages, the largest that Kafka takes among them, without holding up the good ones', async () => {
    const { controller, seen } = noting();
    const { metrics } = await harness.worker([controller]);
    const largest = 'x'.repeat(1_040_000);
    await harness.publishRaw({ key: 'large', value: largest });
    for (let i = 0; i < 4; i++) {
      await harness.publishRaw(
        ...Array.from({ length: 500 }, (_, n) => ({ key: `k${n}`, value: `no json ${i} ${n}` })),
      );
      await harness.publish(happening('good', i));
    }
    await eventually(() => seen.length === 4);
    await eventually(async () => /malformed_messages_total\{[^}]*\} 2001\b/.test(await metrics.registry.metrics()));
    const letters = await new DeadLetters({ brokers: BROKERS, topicPrefix: harness.prefix }).list();
    expect(letters).toHaveLength(2001);
    expect(letters.find(({ message }) => message.key?.toString() === 'large')?.message.value?.toString()).toBe(largest);
  });

  it('lists dead letters although records among them are none, which can be looked at and dropped', async () => {
    await harness.worker([noting().controller]);
    await harness.publishRaw({ key: 'x', value: 'no json' });
    const deadLetters = new DeadLetters({ brokers: BROKERS, topicPrefix: harness.prefix });
    await eventually(async () => (await deadLetters.list()).length === 1);
    const topic = `${harness.prefix}.dead-letters`;
    const odd = Buffer.from([0xff, 0xfe]);
    await harness.producer.send({
      topic,
      messages: [
        { key: odd, value: 'no json' },
        { key: 'shape', value: '{"id": 1}' },
      ],
    });
    const letters = await deadLetters.list();
    const unreadable = letters.filter((letter) => letter.unreadable).map(({ id }) => id);
    expect(unreadable).toEqual([
      expect.stringMatching(/^unreadable:0@\d+$/),
      expect.stringMatching(/^unreadable:0@\d+$/),
    ]);
    expect(letters).toHaveLength(3);
    expect((await deadLetters.show(unreadable[0] ?? '')).message.value?.toString()).toBe('no json');
    await expect(deadLetters.replay(letters.map(({ id }) => id))).rejects.toThrow(NothingToReplay);
    await deadLetters.drop(unreadable);
    expect((await deadLetters.list()).map((letter) => letter.unreadable)).toEqual([undefined]);
  });

  it('reads a topic that is made anew while it runs from its beginning, with fewer and with more events than before', async () => {
    const { controller, seen } = noting();
    await harness.worker([controller]);
    const ids = () => new Set(seen.map(({ id }) => id));
    const batch = (name: string, count: number) =>
      Array.from({ length: count }, (_, i) => happening(`${name}-${i % 10}`, i));
    await harness.publish(...batch('first', 20));
    await eventually(() => ids().size === 20, 'the first topic is read');
    await harness.makeTopicAnew();
    await harness.publish(...batch('second', 20));
    await eventually(() => ids().size === 40, 'as many events of the second are read');
    await harness.makeTopicAnew();
    await harness.publish(...batch('third', 300));
    await eventually(() => ids().size === 340, 'more events of the third are read');
    expect(seen).toHaveLength(340);
    const gaps = await openGaps(harness.connection);
    expect(new Set(gaps.map(({ topic, cause }) => `${topic} ${cause}`))).toEqual(
      new Set([`${harness.topic} topic made anew`]),
    );
  });

  it('reads a topic that was made anew while nobody read it, although offsets of the former one were committed to it', async () => {
    const { controller, seen } = noting();
    const first = await harness.worker([controller]);
    await harness.publish(...Array.from({ length: 20 }, (_, i) => happening(`old-${i}`, 1)));
    await eventually(() => seen.length === 20);
    await first.close();
    await harness.makeTopicAnew();
    await harness.publish(...Array.from({ length: 40 }, (_, i) => happening(`new-${i}`, 1)));
    // As a worker leaves it that has not noticed yet when it is killed.
    const partitions = (await harness.admin.fetchTopicOffsets(harness.topic)).map(({ partition, high }) => ({
      partition,
      offset: high,
    }));
    const groupId = `${harness.prefix}.worker`;
    await eventually(() =>
      harness.admin.setOffsets({ groupId, topic: harness.topic, partitions }).then(
        () => true,
        () => false, // the member that has left still counts
      ),
    );
    await harness.worker([controller]);
    await eventually(() => seen.length === 60);
  });

  it('finishes what it had read of a topic that is gone, also when it is closed before', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    const { controller, seen } = noting(() => held);
    const { close } = await harness.worker([controller], { concurrency: 2 });
    await harness.publish(...Array.from({ length: 10 }, (_, i) => happening(`old-${i}`, 1)));
    await eventually(async () => (await harness.records()).length === 10, 'all are claimed');
    await harness.makeTopicAnew();
    await eventually(async () => (await openGaps(harness.connection)).length > 0, 'the worker has noticed');
    const closed = close();
    release();
    await closed;
    const next = noting();
    await harness.worker([next.controller]);
    await eventually(() => seen.length + next.seen.length === 10);
    expect(new Set([...seen, ...next.seen].map(({ id }) => id)).size).toBe(10);
  });

  it('counts what Kafka has deleted before it was read', async () => {
    const { controller, seen } = noting();
    const first = await harness.worker([controller]);
    await harness.publish(happening('a', 1));
    await eventually(() => seen.length === 1);
    await first.close();
    const keys = ['b', 'c', 'd', 'e', 'f', 'g', 'h'];
    await harness.publish(...keys.map((key) => happening(key, 1)));
    const partitions = (await harness.admin.fetchTopicOffsets(harness.topic)).map(({ partition, high }) => ({
      partition,
      offset: high,
    }));
    await harness.admin.deleteTopicRecords({ topic: harness.topic, partitions }); // as retention does
    await harness.publish(happening('z', 1));
    await harness.worker([controller]);
    await eventually(() => seen.some(({ document }) => document === 'z'));
    const gaps = await eventually(async () => {
      const found = await openGaps(harness.connection);
      return found.length > 0 && found;
    });
    expect(new Set(gaps.map(({ cause }) => cause))).toEqual(new Set(['events expired']));
    expect(gaps.reduce((sum, { messages = 0 }) => sum + messages, 0)).toBeGreaterThan(0);
    expect(gaps.reduce((sum, { messages = 0 }) => sum + messages, 0)).toBeLessThanOrEqual(keys.length + 1);
  });

  it('shows events since a time, and gives them to reactions that did not have them', async () => {
    const log = new EventLog({ brokers: BROKERS, topicPrefix: harness.prefix });
    const early = noting();
    const { close } = await harness.worker([early.controller]);
    await harness.publish(happening('a', 1));
    await eventually(() => early.seen.length === 1);
    const time = await eventually(async () => (await harness.records())[0]?.['endedTime'] as Date | undefined);
    await close();
    const late: Happening[] = [];
    @Controller()
    class Late {
      @Reaction<Happening>({ name: 'late', stream: 'happenings' })
      note(event: Happening): void {
        late.push(event);
      }
    }
    await harness.worker([early.controller, Late]);
    await harness.publish(happening('a', 2), happening('b', 1));
    await eventually(() => late.length >= 2); // the first event may come again: its offset need not have been committed
    const read = async (from: Date) => {
      const messages: RawMessage[] = [];
      await log.read([harness.topic], { from }, (message) => void messages.push(message));
      return messages;
    };
    const all = await read(new Date(0));
    expect(new Set(all.map(({ partition, offset }) => `${partition}@${offset}`)).size).toBe(3);
    expect(await read(new Date((time?.getTime() ?? 0) + 60_000))).toEqual([]);
    await log.give(all);
    await eventually(() => late.length === 3);
    expect(late.map(({ id }) => id)).toContain('a-1');
    expect(early.seen).toHaveLength(3);
  });

  describe('after a restore of the database', () => {
    const T = 1_769_800_000;
    const at = (seconds: number) => new mongo.Timestamp({ t: T + seconds, i: 1 });

    /** One reaction that can be repeated and one that cannot, and what each was given. */
    function twoKinds() {
      const given = { repeatable: [] as string[], outward: [] as string[] };
      @Controller()
      class Both {
        @Reaction<Happening>({ name: 'repeatable', stream: 'happenings' })
        repeat({ id }: Happening): void {
          given.repeatable.push(id);
        }
        @Reaction<Happening>({ name: 'outward', stream: 'happenings', outward: true })
        tell({ id }: Happening): void {
          given.outward.push(id);
        }
      }
      return { given, controller: Both };
    }

    /** Sent at that time, in seconds, all to one partition. */
    const sent = (n: number, seconds: number) => ({
      ...{ partition: 0, key: 'a', value: JSON.stringify(happening('a', n)) },
      timestamp: String((T + seconds) * 1_000),
    });

    const restored = (dealtWithUpTo: number) =>
      harness.connection.collection<{ _id: string }>('restores').insertOne({
        ...{ _id: 'r', backup: at(100), restored: at(200), restoredTime: new Date() },
        ...{ dealtWith: [{ topic: harness.topic, partition: 0, offset: String(dealtWithUpTo) }] },
      });

    it('what can be repeated is, nothing is told again, and what is undone is ignored', async () => {
      const { given, controller } = twoKinds();
      await restored(1);
      await harness.publishRaw(sent(1, 50), sent(2, 60), sent(3, 150), sent(4, 250));
      await harness.worker([controller]);
      await eventually(() => given.outward.length > 0);
      await eventually(() => given.repeatable.length === 3);
      expect(given).toEqual({ repeatable: ['a-1', 'a-2', 'a-4'], outward: ['a-4'] });
    });

    it('a replay tells what was not dealt with when the database was lost, and nothing else again', async () => {
      const { given, controller } = twoKinds();
      await restored(1);
      await harness.publishRaw(sent(1, 50), sent(2, 60), sent(3, 150), sent(4, 250));
      await harness.worker([controller]);
      await eventually(() => given.outward.includes('a-4'));
      const log = new EventLog({ brokers: BROKERS, topicPrefix: harness.prefix });
      const messages: RawMessage[] = [];
      await log.read([harness.topic], { from: new Date(0) }, (message) => void messages.push(message));
      // What a repair reads from the database in place of a topic may have been told as well.
      const [first] = messages;
      if (!first) throw new Error('there are four');
      const value = Buffer.from(JSON.stringify(happening('a', 9)));
      await log.give([...messages, { ...first, value, offset: IN_NO_TOPIC }]);
      await harness.publishRaw(sent(5, 300));
      await eventually(() => given.outward.includes('a-2'));
      await eventually(() => given.outward.includes('a-5'));
      expect([...given.outward].sort()).toEqual(['a-2', 'a-4', 'a-5']);
      await eventually(() => given.repeatable.includes('a-9'));
      expect(new Set(given.repeatable)).toEqual(new Set(['a-1', 'a-2', 'a-4', 'a-5', 'a-9']));
    });

    it('of a stream that outlasts restores what can be repeated is reacted to, whenever it happened', async () => {
      const { given, controller } = twoKinds();
      await restored(4);
      await harness.publishRaw(sent(1, 50), sent(3, 150), sent(4, 250));
      await harness.worker([controller], { streams: [{ ...harness.happenings, outlastsRestores: true }] });
      await eventually(() => given.outward.length > 0);
      await eventually(() => given.repeatable.length === 3);
      expect(given).toEqual({ repeatable: ['a-1', 'a-3', 'a-4'], outward: ['a-4'] });
    });
  });
});
