import { eventually } from '@caregate/eventually';
import { Controller } from '@nestjs/common';
import type { Message } from 'kafkajs';
import { randomBytes } from 'node:crypto';
import { type ChangeEvent, MalformedEvent, parseChangeEvent } from '../src/envelope.ts';
import { type DeadLetter, DeadLetters } from '../src/runtime/dead-letters.ts';
import { type EventStream, GiveUp, Reaction } from '../src/runtime/index.ts';
import { type WorkerHarness } from './worker-harness.ts';

/** How many messages of each kind. */
export interface Dose {
  readonly good: number;
  readonly noJson: number;
  readonly wrongShape: number;
  readonly unknownOperation: number;
  readonly oversized: number;
  readonly alwaysThrows: number;
  readonly givesUp: number;
}

/** What a dead letter of each kind says. */
const REASONS: Readonly<Record<Exclude<keyof Dose, 'good'>, RegExp>> = {
  noJson: /^MalformedEvent: not a change event: the message is not JSON$/,
  wrongShape: /^MalformedEvent: not a change event: .*documentKey is not as expected/,
  unknownOperation: /^MalformedEvent: not a change event: operationType is not as expected/,
  oversized: /^MalformedEvent: not a change event: the message is not JSON$/,
  alwaysThrows: /^Error: cannot digest this$/,
  givesUp: /^GiveUp: never$/,
};

/** Just below what Kafka takes of one message (`message.max.bytes`), with its key and framing. */
const LARGEST = 1_040_000;
const AT_ONCE = 500;

interface Dish {
  readonly kind: keyof Dose;
  readonly n: number;
}

const PATIENTS = 97;

/** A worker that is given poison of all kinds among good events. */
export class PoisonRun {
  readonly eaten: Dish[] = [];
  /** Attempts at those that fail for good. */
  private failing = 0;
  private mended = false;

  constructor(
    private readonly harness: WorkerHarness,
    private readonly dose: Dose,
  ) {}

  get bad(): number {
    return Object.values(this.dose).reduce((sum, count) => sum + count, 0) - this.dose.good;
  }

  /** The worker's own stream; once mended it can read what it could not. */
  private get stream(): EventStream {
    return {
      name: 'changes',
      topic: this.harness.topic,
      decode: ({ value, time, key, offset, partition }) => {
        try {
          const event = parseChangeEvent(value);
          return { id: event._id, key: String(event.documentKey._id), time, data: event };
        } catch (error) {
          if (!this.mended || !(error instanceof MalformedEvent)) throw error;
          return {
            id: `${partition}@${offset}`,
            key: key?.toString() ?? '',
            time,
            data: { fullDocument: kindOf(key) },
          };
        }
      },
    };
  }

  async start() {
    const eat = (dish: Dish) => this.eat(dish);
    @Controller()
    class Eater {
      @Reaction<ChangeEvent<Dish>>({ name: 'eat', stream: 'changes' })
      eat({ fullDocument }: ChangeEvent<Dish>): void {
        if (fullDocument) eat(fullDocument);
      }
    }
    const retries = { firstDelay: 50, longestDelay: 200, longestDelayWhileAway: 200, attempts: 3 };
    return this.harness.worker([Eater], { streams: [this.stream], retries });
  }

  private eat(dish: Dish): void {
    if (!this.mended && dish.kind === 'givesUp') throw new GiveUp('never');
    if (!this.mended && dish.kind === 'alwaysThrows') {
      this.failing += 1;
      throw new Error('cannot digest this');
    }
    this.eaten.push({ kind: dish.kind, n: dish.n });
  }

  mend(): void {
    this.mended = true;
    this.eaten.length = 0;
  }

  /** All kinds take turns, so that there is poison between any two good events. */
  async publish(): Promise<void> {
    const left = Object.entries(this.dose).map(([kind, count]) => ({ kind: kind as keyof Dose, count })); // keys of a Dose
    const line: Message[] = [];
    for (let n = 0; left.some(({ count }) => count > n); n++) {
      const longest = Math.max(...left.map(({ count }) => count));
      for (const { kind, count } of left) {
        const from = Math.floor((n * count) / longest);
        const to = Math.floor(((n + 1) * count) / longest);
        for (let each = from; each < to; each++) line.push(message({ kind, n: each }));
      }
    }
    let size = 0;
    let some: Message[] = [];
    for (const each of line) {
      const bytes = Buffer.byteLength(each.value ?? '');
      if (some.length >= AT_ONCE || size + bytes > LARGEST) {
        if (some.length > 0) await this.harness.publishRaw(...some);
        [some, size] = [[], 0];
      }
      some.push(each);
      size += bytes;
    }
    if (some.length > 0) await this.harness.publishRaw(...some);
  }

  /** Each good event once, in the order of its document; nothing else. */
  async untilGoodIsEaten(withinMs: number): Promise<void> {
    await eventually(() => this.eaten.length >= this.dose.good, 'all good events', withinMs);
    expect(this.eaten.filter(({ kind }) => kind !== 'good')).toEqual([]);
    for (let patient = 0; patient < PATIENTS; patient++) {
      const numbers = this.eaten.map(({ n }) => n).filter((n) => n % PATIENTS === patient);
      expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, i) => patient + i * PATIENTS));
    }
    expect(this.eaten).toHaveLength(this.dose.good);
  }

  /** Each bad message is a dead letter, once, with its reason and stack. */
  async untilBadIsBuried(withinMs: number): Promise<DeadLetter[]> {
    await eventually(async () => (await this.buried()) >= this.bad, 'all dead letters', withinMs);
    const letters = await this.deadLetters.list();
    const kinds = Map.groupBy(letters, ({ message: { key } }) => kindOf(key).kind);
    for (const [kind, reason] of Object.entries(REASONS)) {
      const found = kinds.get(kind as keyof Dose) ?? []; // keys of a Dose
      expect({ kind, count: found.length }).toEqual({ kind, count: this.dose[kind as keyof Dose] });
      expect(found.filter((letter) => !reason.test(letter.reason))).toEqual([]);
      expect(found.filter(({ stack }) => !/\n\s+at /.test(stack))).toEqual([]);
    }
    expect(letters).toHaveLength(this.bad);
    expect(this.failing).toBe(3 * this.dose.alwaysThrows);
    return letters;
  }

  /** Without reading them all, which would keep the worker from its work. */
  private async buried(): Promise<number> {
    const topic = `${this.harness.prefix}.dead-letters`;
    if (!(await this.harness.admin.listTopics()).includes(topic)) return 0;
    return (await this.harness.admin.fetchTopicOffsets(topic)).reduce((sum, { high }) => sum + Number(high), 0);
  }

  async untilMended(withinMs: number): Promise<void> {
    await eventually(() => this.eaten.length >= this.bad, 'all that was mended', withinMs);
    expect(new Set(this.eaten.map(({ kind, n }) => `${kind} ${n}`)).size).toBe(this.bad);
    expect(this.eaten).toHaveLength(this.bad);
    expect(await this.deadLetters.list()).toEqual([]);
  }

  get deadLetters(): DeadLetters {
    return new DeadLetters({
      brokers: (process.env['KAFKA_BROKERS'] ?? '').split(','),
      topicPrefix: this.harness.prefix,
    });
  }
}

const kindOf = (key: Buffer | null): Dish => {
  const [kind, n] = (key?.toString() ?? '').split('-');
  return { kind: kind as keyof Dose, n: Number(n) }; // as `message` writes it
};

function message({ kind, n }: Dish): Message {
  const key = `${kind}-${n}`;
  // Good ones share documents, so that their order can be seen.
  const documentId = kind === 'good' ? `good-${n % PATIENTS}` : key;
  const event = {
    _id: { _data: key },
    operationType: 'insert',
    ns: { db: 'clinic', coll: 'patients' },
    documentKey: { _id: documentId },
    fullDocument: { _id: documentId, kind, n },
  };
  const values: Record<keyof Dose, () => string> = {
    good: () => JSON.stringify(event),
    noJson: () => `no JSON ${n}`,
    wrongShape: () => JSON.stringify({ ...event, documentKey: n }),
    unknownOperation: () => JSON.stringify({ ...event, operationType: 'rename' }),
    oversized: () =>
      randomBytes(LARGEST / 2)
        .toString('hex')
        .replace(/^./, 'x'),
    alwaysThrows: () => JSON.stringify(event),
    givesUp: () => JSON.stringify(event),
  };
  return { key: kind === 'good' ? documentId : key, value: values[kind]() };
}
