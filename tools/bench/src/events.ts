import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type App, type Platform, type Servers, startServers, startShards } from '@caregate/stack';
import type { Kafka } from 'kafkajs';
import { type Db, MongoClient, ObjectId } from 'mongodb';
import { barePair, Connect } from './events-connect.ts';
import {
  burst,
  differences,
  insertPatients,
  type Replication,
  replicationOf,
  steady,
  untilAllHave,
} from './events-load.ts';
import { eventRows, type EventFigures, type ReplicationFigures, shown, type StreamFigures } from './events-report.ts';
import { perChange, processorTime } from './events-processor-time.ts';
import { memoryOf } from './load-tool.ts';
import { missedOf, textTable } from './rows.ts';
import { bareConsumer, bytesPerMessage, counted, kafkaOf, lengthOf, pace } from './events-worker.ts';

const HELP = `Usage: make bench-events
       node tools/bench/src/main.ts events [--rows NUMBER] [--seconds NUMBER] [--json FILE] [--check]

How fast permission changes reach the gatekeeper database, at a steady 200 a second and in a burst, next to a bare pair of MongoDB
connectors without our parts, in one run on the real servers; and how many events the worker deals with that need nothing done.
MONGODB_URI, KAFKA_BROKERS, CONNECT_URL, SMTP_URL: that server is used and none is started in its place.

  --rows NUMBER      patients, and so the changes of the burst (50000)
  --seconds NUMBER   of the steady load (30)
  --json FILE        where the figures go (dist/bench/events.json)
  --check            exit 1 when a target is missed
`;

interface Plan {
  readonly rows: number;
  readonly seconds: number;
}

const STEADY_PER_SECOND = 200;
const WARM_UP_SECONDS = 8;
const REACTIONS = 5_000;
/** Numbers of changes; each load has its own. */
const CHANGES = { steady: 100_000, burst: 1_000_000, unseenByWorker: 2_000_000 };

/** The bench of everything that happens by events. @returns the exit status */
export async function events(args: readonly string[], say: (line: string) => void = console.log): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', short: 'h' },
      rows: { type: 'string', default: '50000' },
      seconds: { type: 'string', default: '30' },
      json: { type: 'string', default: 'dist/bench/events.json' },
      check: { type: 'boolean' },
    },
  });
  if (values.help) {
    say(HELP);
    return 0;
  }
  const figures = await measured({ rows: Number(values.rows), seconds: Number(values.seconds) }, say);
  await mkdir(dirname(values.json), { recursive: true });
  await writeFile(values.json, `${JSON.stringify(figures, undefined, 2)}\n`);
  const rows = eventRows(figures);
  say(`\n${textTable(rows)}\n\nAll figures: ${values.json}`);
  return values.check && missedOf(rows).length > 0 ? 1 : 0;
}

async function measured(plan: Plan, say: (line: string) => void): Promise<EventFigures> {
  const prefix = `bench${process.pid}_`;
  const machine = { cores: availableParallelism(), loadBefore: loadavg()[0] ?? 0, node: process.version };
  const servers = await startServers({ log: say });
  const bench = new Bench({ servers, prefix, plan, say });
  const interrupted = () => void bench.close().finally(() => process.exit(130));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupted);
  try {
    return { machine, ...(await bench.run()) };
  } finally {
    await bench.close();
  }
}

interface BenchSettings {
  readonly servers: Servers;
  readonly prefix: string;
  readonly plan: Plan;
  readonly say: (line: string) => void;
}

class Bench {
  private readonly settings: BenchSettings;
  private readonly connect: Connect;
  private readonly kafka: Kafka;
  private readonly client: MongoClient;
  private platform: Platform | undefined;

  constructor(settings: BenchSettings) {
    this.settings = settings;
    this.connect = new Connect(settings.servers.connectUrl);
    this.kafka = kafkaOf(settings.servers.kafkaBrokers);
    this.client = new MongoClient(settings.servers.mongodbUri);
  }

  /** First the bare pair, then ours, so that neither slows the other down: every change stream reads the whole oplog. */
  async run(): Promise<Omit<EventFigures, 'machine'>> {
    await this.client.connect();
    const pair = await this.barePair();
    const caregate = await this.caregate();
    const peakRssMb = await this.peakRssMb();
    const worker = await this.worker();
    return { caregate, barePair: pair, worker, peakRssMb, streams: await this.streams() };
  }

  /** What our shard has in Kafka and Connect. */
  private async streams(): Promise<StreamFigures> {
    const { topicPrefix } = this.shard;
    const admin = this.kafka.admin();
    await admin.connect();
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(topicPrefix));
    const { topics: described } = await admin.fetchTopicMetadata({ topics });
    await admin.disconnect();
    const { connectors, tasks } = await this.connect.counted(topicPrefix);
    return {
      topics: topics.length,
      partitions: described.reduce((sum, { partitions }) => sum + partitions.length, 0),
      connectors,
      tasks,
      bytesPerEvent: await bytesPerMessage(this.kafka, `${topicPrefix}.patients`),
    };
  }

  private async peakRssMb(): Promise<Record<string, number>> {
    const apps = await Promise.all(
      (this.platform?.apps ?? []).map(async ({ name, pid }) => [name, (await memoryOf(pid))?.peakMb ?? 0] as const),
    );
    return Object.fromEntries(apps);
  }

  private async barePair(): Promise<ReplicationFigures> {
    const { servers, prefix, say } = this.settings;
    const [source, replica] = [`${prefix}bare`, `${prefix}bare_gatekeeper`];
    const pair = barePair({
      prefix: `${prefix}pair`,
      sourceUri: servers.mongodbUriFor(source),
      source,
      replicaUri: servers.mongodbUriFor(replica),
      replica,
    });
    await this.createTopic(pair.topic);
    const replication = replicationOf(this.db(source), this.db(replica), 'patients');
    const figures = await this.replicate('the bare pair', replication, async () => {
      for (const { name, config } of [pair.source, pair.sink]) await this.connect.put(name, config);
      for (const { name } of [pair.source, pair.sink]) await this.connect.untilRunning(name);
    });
    await this.connect.removeAll(`${prefix}pair`);
    await this.db(source).dropDatabase();
    await this.db(replica).dropDatabase();
    say('the bare pair is gone');
    return figures;
  }

  private async caregate(): Promise<ReplicationFigures> {
    const { servers, prefix } = this.settings;
    await this.prepareClinicDatabase();
    const replication = replicationOf(
      this.db(`${prefix}clinic_au1`),
      this.db(`${prefix}gatekeeper_au1`),
      'patient_permissions',
    );
    return this.replicate('Caregate', replication, async () => {
      const env = () => ({ LOG_LEVEL: 'warn' });
      this.platform = await startShards(servers, {
        shards: ['au1'],
        prefix,
        env,
        only: ['gatekeeper-sync', 'clinic-worker'],
      });
    });
  }

  /** The API makes the indexes that everything counts on. */
  private async prepareClinicDatabase(): Promise<void> {
    const { servers, prefix } = this.settings;
    const api = await startShards(servers, { shards: ['au1'], prefix, only: ['clinic-api'] });
    await api.stop();
  }

  private async replicate(
    who: string,
    replication: Replication,
    start: () => Promise<void>,
  ): Promise<ReplicationFigures> {
    const { plan, say } = this.settings;
    say(`${who}: ${plan.rows} patients ...`);
    await insertPatients(replication.source, plan.rows);
    const begin = performance.now();
    await start();
    await untilAllHave(replication.replica, plan.rows, 0);
    const copy = { rows: plan.rows, perSecond: (plan.rows * 1_000) / (performance.now() - begin) };
    const load = { perSecond: STEADY_PER_SECOND, firstChange: CHANGES.steady };
    await steady(replication, { ...load, seconds: WARM_UP_SECONDS });
    say(`${who}: ${STEADY_PER_SECOND} changes a second for ${plan.seconds} s ...`);
    const beforeSteady = processorTime(this.pids());
    const measuredSteady = await steady(replication, {
      ...load,
      seconds: plan.seconds,
      firstChange: 2 * CHANGES.steady,
    });
    const steadyMicrosecondsEach = perChange(beforeSteady, processorTime(this.pids()), measuredSteady.changes);
    say(
      `${who}: p50 ${shown(measuredSteady.p50, 'ms')}, p99 ${shown(measuredSteady.p99, 'ms')}, processor time of a change in µs: ${JSON.stringify(steadyMicrosecondsEach)}`,
    );
    say(`${who}: a burst of ${plan.rows} changes ...`);
    const before = processorTime(this.pids());
    const measuredBurst = await burst(replication, CHANGES.burst);
    const microsecondsEach = perChange(before, processorTime(this.pids()), plan.rows);
    say(
      `${who}: ${shown(measuredBurst.replicatedPerSecond, '/s')}, processor time of a change in µs: ${JSON.stringify(microsecondsEach)}`,
    );
    return {
      copy,
      steady: measuredSteady,
      burst: measuredBurst,
      steadyMicrosecondsEach,
      microsecondsEach,
      differences: await differences(replication),
    };
  }

  /** Events pile up while the worker is stopped; then it is seen how fast it works them off. */
  private async worker(): Promise<EventFigures['worker']> {
    const { prefix, plan, say } = this.settings;
    const { worker } = this.shard;
    const clinic = this.db(`${prefix}clinic_au1`);
    const topics = {
      patients: `${this.shard.topicPrefix}.patients`,
      clinicians: `${this.shard.topicPrefix}.clinicians`,
    };
    say(`the worker: ${plan.rows} events that concern nobody ...`);
    const concernsNobody = await this.workedOff(worker, topics.patients, plan.rows, {
      write: () =>
        burst(replicationOf(clinic, this.db(`${prefix}gatekeeper_au1`), 'patient_permissions'), CHANGES.unseenByWorker),
      count: () => counted(worker.url, 'caregate_events_total', { topic: topics.patients, concerned: 'false' }),
    });
    say(`the worker: ${REACTIONS} reactions that find nothing to do ...`);
    await insertClinicians(clinic, REACTIONS);
    const nothingToDo = await this.workedOff(worker, topics.clinicians, REACTIONS, {
      // They have no account, so there is nobody to tell about their new role.
      write: () =>
        clinic
          .collection('clinicians')
          .updateMany({}, { $set: { rolesUpdates: [{ roles: ['CLINIC_ADMIN'], time: new Date() }] } }),
      count: () =>
        counted(worker.url, 'caregate_reactions_total', {
          reaction: 'clinician_permissions_updated',
          outcome: 'handled',
        }),
    });
    return { concernsNobody, nothingToDo, bareConsumer: await bareConsumer(this.kafka, topics.patients, plan.rows) };
  }

  private async workedOff(
    worker: App,
    topic: string,
    events: number,
    load: { write: () => Promise<unknown>; count: () => Promise<number> },
  ) {
    const { say } = this.settings;
    await worker.stop();
    const before = await lengthOf(this.kafka, topic);
    await load.write();
    while ((await lengthOf(this.kafka, topic)) < before + events) await pause(200);
    const starting = worker.start();
    const result = await pace(load.count, events);
    await starting;
    say(`the worker: ${shown(result.perSecond, '/s')}`);
    return result;
  }

  /** Ends what was started, and removes what was made on servers that were given. */
  async close(): Promise<void> {
    const { servers, prefix } = this.settings;
    await this.platform?.stop();
    this.platform = undefined;
    await this.connect.removeAll(prefix).catch(() => undefined);
    const admin = this.kafka.admin();
    await admin.connect();
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(prefix));
    if (topics.length > 0) await admin.deleteTopics({ topics });
    await admin.disconnect();
    const { databases } = await this.client.db().admin().listDatabases({ nameOnly: true });
    for (const { name } of databases) if (name.startsWith(prefix)) await this.db(name).dropDatabase();
    await this.client.close();
    await servers.stop();
  }

  private pids(): Record<string, number | undefined> {
    const { servers } = this.settings;
    const apps = (this.platform?.apps ?? []).map(({ name, pid }) => [name, pid] as const);
    return { ...Object.fromEntries(servers.all.map(({ name, pid }) => [name, pid])), ...Object.fromEntries(apps) };
  }

  private async createTopic(topic: string): Promise<void> {
    const admin = this.kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS }], waitForLeaders: true });
    await admin.disconnect();
  }

  private get shard() {
    if (!this.platform) throw new Error('the apps do not run');
    return this.platform.shard('au1');
  }

  private db(name: string): Db {
    return this.client.db(name);
  }
}

/** As many as our topics have. */
const PARTITIONS = 6;

async function insertClinicians(clinic: Db, count: number): Promise<void> {
  const clinicId = new ObjectId();
  await clinic.collection('clinics').insertOne({ _id: clinicId, name: 'Bench', admins: [] });
  const clinicians = Array.from({ length: count }, () => ({ clinicId, roles: ['CLINIC_MEMBER'], rolesUpdates: [] }));
  for (let from = 0; from < count; from += 1_000)
    await clinic.collection('clinicians').insertMany(clinicians.slice(from, from + 1_000), { ordered: false });
}
