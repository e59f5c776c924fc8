import { eventually } from '@caregate/eventually';
import { mongo } from 'mongoose';
import {
  ConnectorReconciler,
  DeadLetters,
  ensureTopics,
  permissionConnectors,
  putPoisonAside,
  topicDefinitions,
  topicsOf,
  workerConnectors,
} from '../src/index.ts';
import { realServers, type RealServers } from './real-servers.ts';

/** What one tenant, or a hand in the database, can grow must stop nobody else's events (issue 15, B6). */

const MIB = 1024 * 1024;
const WITHIN_MS = 90_000;
const TEST_MS = 2.5 * WITHIN_MS;
const clinicId = new mongo.ObjectId();

let servers: RealServers;
let keeper: ConnectorReconciler;
let poisoned = 0;

beforeAll(async () => {
  servers = await realServers();
  for (const name of ['patients', 'clinics', 'clinicians'])
    await servers.clinic.createCollection(name, { changeStreamPreAndPostImages: { enabled: true } });
  await ensureTopics(servers.kafka, topicDefinitions(servers.place.prefix, 1));
  const { deadLetters } = topicsOf(servers.place.prefix);
  keeper = new ConnectorReconciler({
    client: servers.connect,
    prefix: servers.place.prefix,
    putPoisonAside: (sink) => putPoisonAside({ kafka: servers.kafka, connect: servers.connect, deadLetters }, sink),
  });
  await reconcile();
  await flows();
}, TEST_MS);

afterAll(() => servers?.close(), 60_000);

const startAt = { t: Math.floor(Date.now() / 1000) - 10, i: 1 };
const patients = () => servers.clinic.collection('patients');
const rows = () => servers.gatekeeper.collection('patient_permissions');

async function reconcile(): Promise<void> {
  const report = await keeper.reconcile([
    ...permissionConnectors(servers.place),
    ...workerConnectors(servers.place, { mode: 'timestamp', at: startAt }),
  ]);
  poisoned += report.poisoned.reduce((sum, { messages }) => sum + messages, 0);
}

/** A patient who is added now reaches the worker's topic and the gatekeeper database, whatever came before. */
async function flows(): Promise<void> {
  const _id = new mongo.ObjectId();
  await patients().insertOne({ _id, clinicId, userId: 'a000000001', fullName: 'Next', permissions: { view: {} } });
  const { patients: topic } = topicsOf(servers.place.prefix);
  const values: string[] = [];
  const consumer = servers.kafka.consumer({ groupId: `${servers.place.prefix}.test-${_id.toHexString()}` });
  await consumer.connect();
  try {
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({ eachMessage: async ({ message }) => void values.push(message.value?.toString() ?? '') });
    const keeping = async () => {
      await reconcile().catch(() => undefined); // Connect rebalances now and then
      return (await rows().findOne({ _id })) !== null;
    };
    await eventually(keeping, 'the next patient in the replica', WITHIN_MS);
    await eventually(
      async () => {
        await reconcile().catch(() => undefined);
        return values.some((value) => value.includes(_id.toHexString()));
      },
      'the next patient in the worker’s topic',
      WITHIN_MS,
    );
  } finally {
    await consumer.disconnect();
  }
}

test(
  'a patient who was asked to connect six thousand times stops no events',
  async () => {
    const _id = new mongo.ObjectId();
    const createdTime = new Date();
    const dexcom = Array.from({ length: 16_000 }, () => ({ providerName: 'dexcom', createdTime }));
    await patients().insertOne({ _id, clinicId, userId: 'a000000002', permissions: { view: {} } });
    await patients().updateOne({ _id }, { $set: { connectionRequests: { dexcom } } });
    await flows();
  },
  TEST_MS,
);

test(
  'a document as large as MongoDB takes them, changed as a whole, stops no events',
  async () => {
    const _id = new mongo.ObjectId();
    const large = (letter: string) => ({ fullName: letter.repeat(7 * MIB), email: letter.repeat(7 * MIB) });
    await patients().insertOne({ _id, clinicId, userId: 'a000000003', permissions: { view: {} }, ...large('x') });
    await patients().updateOne({ _id }, { $set: large('y') });
    await flows();
  },
  TEST_MS,
);

test(
  'a row too large to be sent is set aside with a dead letter, and what is behind it flows',
  async () => {
    const _id = new mongo.ObjectId();
    // Control characters are six bytes each in JSON: no broker would take this one.
    const permissions = { view: { note: '\u0001'.repeat(12 * MIB) } };
    await patients().insertOne({ _id, clinicId, userId: 'a000000004', permissions });
    await flows();
    expect(poisoned).toBeGreaterThan(0);
    const letters = new DeadLetters({
      brokers: (process.env['KAFKA_BROKERS'] ?? '').split(','),
      topicPrefix: servers.place.prefix,
    });
    const [letter] = await letters.list();
    expect(letter?.message.value?.toString()).toContain(_id.toHexString());
    expect(letter?.reason).toMatch(/the document has \d+ bytes/);
  },
  TEST_MS,
);

test(
  'a document with an id that fits into no event is left out, and what is behind it flows',
  async () => {
    await servers.clinic
      .collection<{ _id: string }>('patients')
      .insertOne({ _id: 'x'.repeat(6 * MIB), clinicId, userId: 'a000000005' } as { _id: string }); // ours have ObjectIds
    await flows();
  },
  TEST_MS,
);
