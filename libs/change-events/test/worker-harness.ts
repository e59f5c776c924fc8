import { randomBytes } from 'node:crypto';
import { eventually } from '@caregate/eventually';
import { createLogger, guardAgainstClosedSockets, HealthChecks, Metrics } from '@caregate/service';
import { Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type Admin, Kafka, logLevel, type Message, type Producer } from 'kafkajs';
import { type Connection, createConnection } from 'mongoose';
import { type KafkaAddress, serversOf } from '../src/kafka-address.ts';
import { TopicIds } from '../src/topic-ids.ts';
import { madeTopic } from './made-topic.ts';
import {
  ChangeEventServer,
  type ChangeEventServerSettings,
  type EventStream,
  REACTIONS,
} from '../src/runtime/index.ts';

/** What a test's events hold. */
export interface Happening {
  readonly id: string;
  readonly document: string;
  readonly n: number;
}

export const SERVERS_GIVEN = Boolean(process.env['MONGODB_URI'] && process.env['KAFKA_BROKERS']);

/** Topics and a database of one test's own, on the real servers, and workers on them. */
export class WorkerHarness {
  readonly prefix = `t${randomBytes(5).toString('hex')}`;
  readonly topic = `${this.prefix}.happenings`;
  readonly kafka: Kafka;
  readonly admin: Admin;
  readonly producer: Producer;
  readonly connection: Connection = createConnection();
  private readonly address: KafkaAddress;
  private readonly running = new Set<() => Promise<void>>();

  /** @param address of Kafka; the one that is given to all tests, unless a test has another */
  constructor(address: KafkaAddress = { brokers: (process.env['KAFKA_BROKERS'] ?? '').split(',') }) {
    this.address = address;
    this.kafka = new Kafka({ clientId: this.prefix, ...serversOf(address), logLevel: logLevel.NOTHING });
    this.admin = this.kafka.admin();
    this.producer = this.kafka.producer();
  }

  async start(partitions = 3): Promise<void> {
    guardAgainstClosedSockets(); // as the apps' own module does
    const uri = new URL(process.env['MONGODB_URI'] ?? '');
    uri.pathname = `/${this.prefix}`;
    await this.connection.openUri(uri.href);
    await this.admin.connect();
    await this.producer.connect();
    await madeTopic(this.admin, this.topic, partitions);
  }

  async stop(): Promise<void> {
    for (const close of this.running) await close();
    const topics = (await this.admin.listTopics()).filter((topic) => topic.startsWith(this.prefix));
    await this.admin.deleteTopics({ topics });
    await this.admin.deleteGroups([`${this.prefix}.worker`]).catch(() => {});
    await this.admin.disconnect();
    await this.producer.disconnect();
    await this.connection.dropDatabase();
    await this.connection.close();
  }

  readonly happenings: EventStream<Happening> = {
    name: 'happenings',
    topic: this.topic,
    decode: ({ value, time }) => {
      const data = JSON.parse(value?.toString() ?? 'null');
      if (typeof data?.id !== 'string') throw new Error('an event needs an id');
      return { id: data.id, key: data.document, time, data };
    },
  };

  /** A worker with these controllers' reactions; `close` finishes what runs. */
  async worker(controllers: Type[], settings: Partial<ChangeEventServerSettings> = {}, address = this.address) {
    @Module({ controllers })
    class WorkerModule {}
    const metrics = new Metrics();
    const health = new HealthChecks();
    const app = await NestFactory.createMicroservice(WorkerModule, {
      strategy: new ChangeEventServer({
        ...address,
        topicPrefix: this.prefix,
        streams: [this.happenings],
        connection: this.connection,
        logger: createLogger('test', process.env['LOG_LEVEL'] ?? 'silent'),
        metrics,
        health,
        ...settings,
      }),
      logger: false,
    });
    await app.listen();
    const close = async () => {
      this.running.delete(close);
      await app.close();
    };
    this.running.add(close);
    return { close, health, metrics };
  }

  /** Deletes the topic and creates it again, as an operator does, or a Kafka that lost its disk. */
  async makeTopicAnew(partitions = 3): Promise<void> {
    const ids = new TopicIds(this.kafka);
    const former = await ids.of([this.topic]);
    await this.admin.deleteTopics({ topics: [this.topic] });
    await madeTopic(this.admin, this.topic, partitions);
    // The broker learns of it a moment later than the controller, and takes messages for the former one until then.
    await eventually(async () => {
      const id = (await ids.of([this.topic])).get(this.topic);
      return id !== undefined && id !== former.get(this.topic);
    }, 'the broker knows the topic that was made anew');
    await ids.close();
  }

  async publish(...happenings: Happening[]): Promise<void> {
    await this.publishRaw(
      ...happenings.map((happening) => ({ key: happening.document, value: JSON.stringify(happening) })),
    );
  }

  async publishRaw(...messages: Message[]): Promise<void> {
    await this.producer.send({ topic: this.topic, messages });
  }

  records() {
    return this.connection.collection(REACTIONS).find().toArray();
  }
}
