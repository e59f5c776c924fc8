import { eventually } from '@caregate/eventually';
import kafkajs, { type Kafka } from 'kafkajs';
import { type Connection, createConnection } from 'mongoose';
import { randomBytes } from 'node:crypto';
import { ConnectClient, type ConnectorPlace, parseChangeEvent, type ChangeEvent } from '../src/index.ts';

/** The servers that integration tests run against, with a prefix and databases of the test's own. */
export interface RealServers {
  readonly place: ConnectorPlace;
  readonly kafka: Kafka;
  readonly connect: ConnectClient;
  readonly clinic: Connection;
  readonly gatekeeper: Connection;
  /** Removes everything of this prefix. */
  close(): Promise<void>;
}

export async function realServers(): Promise<RealServers> {
  const prefix = `t-${randomBytes(4).toString('hex')}`;
  const place = {
    prefix,
    clinicUri: database(`clinic_${prefix}`),
    gatekeeperUri: database(`gatekeeper_${prefix}`),
    sinkTasks: 2,
  };
  const kafka = new kafkajs.Kafka({
    clientId: prefix,
    brokers: setting('KAFKA_BROKERS').split(','),
    logLevel: kafkajs.logLevel.NOTHING,
  });
  const connect = new ConnectClient(setting('CONNECT_URL'));
  const clinic = await createConnection(place.clinicUri).asPromise();
  const gatekeeper = await createConnection(place.gatekeeperUri).asPromise();
  return {
    place,
    kafka,
    connect,
    clinic,
    gatekeeper,
    close: () => removeAll({ prefix, kafka, connect, clinic, gatekeeper }),
  };
}

async function removeAll(servers: {
  prefix: string;
  kafka: Kafka;
  connect: ConnectClient;
  clinic: Connection;
  gatekeeper: Connection;
}) {
  const { prefix, kafka, connect, clinic, gatekeeper } = servers;
  for (const { name } of await connect.connectors()) if (name.startsWith(`${prefix}.`)) await connect.remove(name);
  const admin = kafka.admin();
  await admin.connect();
  const topics = (await admin.listTopics()).filter((name) => name.startsWith(`${prefix}.`));
  if (topics.length > 0) await admin.deleteTopics({ topics });
  await admin.disconnect();
  for (const connection of [clinic, gatekeeper]) {
    await connection.dropDatabase();
    await connection.close();
  }
}

function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: integration tests need the real servers (make test starts them)`);
  return value;
}

function database(name: string): string {
  const url = new URL(setting('MONGODB_URI'));
  url.pathname = `/${name}`;
  return url.href;
}

export interface Received {
  readonly topic: string;
  readonly partition: number;
  readonly key: string | undefined;
  readonly text: string;
  readonly event: ChangeEvent;
}

/** Reads topics from their beginning into an array that grows. */
export async function listen(
  servers: RealServers,
  topics: string[],
): Promise<{ received: Received[]; stop(): Promise<void> }> {
  const received: Received[] = [];
  const consumer = servers.kafka.consumer({
    groupId: `${servers.place.prefix}.test-${randomBytes(4).toString('hex')}`,
  });
  await consumer.connect();
  await consumer.subscribe({ topics, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ topic, partition, message }) => {
      const text = message.value?.toString() ?? '';
      received.push({ topic, partition, key: message.key?.toString(), text, event: parseChangeEvent(message.value) });
    },
  });
  return { received, stop: () => consumer.disconnect() };
}

/** The values of a topic's first messages, once there are so many. */
export async function raw(servers: RealServers, topic: string, count: number): Promise<string[]> {
  const values: string[] = [];
  const consumer = servers.kafka.consumer({
    groupId: `${servers.place.prefix}.test-${randomBytes(4).toString('hex')}`,
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({ eachMessage: async ({ message }) => void values.push(message.value?.toString() ?? '') });
  await eventually(async () => values.length >= count, `${count} messages of ${topic}`);
  await consumer.disconnect();
  return values;
}
