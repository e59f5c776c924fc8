import { mongo } from 'mongoose';
import {
  ConnectorReconciler,
  ensureTopics,
  permissionConnectors,
  putPoisonAside,
  readDeadLetter,
  replicaSink,
  topicDefinitions,
  topicsOf,
  workerConnectors,
} from '../src/index.ts';
import { eventually } from '@caregate/eventually';
import { listen, raw, realServers, type RealServers } from './real-servers.ts';

const PARTITIONS = 4;
const PLANTED = ['Planted Name', '1971-02-03', 'planted@example.test', 'MRN-PLANTED'] as const;

let servers: RealServers;

beforeAll(async () => {
  servers = await realServers();
  await ensureTopics(servers.kafka, topicDefinitions(servers.place.prefix, PARTITIONS));
  await servers.clinic.collection('patients').insertOne(patient({ userId: 'early00001' }));
});

afterAll(() => servers?.close());

const definitions = () => [
  ...permissionConnectors(servers.place),
  ...workerConnectors(servers.place, { mode: 'timestamp', at: { t: Math.floor(Date.now() / 1000) - 60, i: 1 } }),
];

const clinicId = new mongo.ObjectId();
const patient = (fields: object) => ({
  _id: new mongo.ObjectId(),
  clinicId,
  fullName: PLANTED[0],
  birthDate: PLANTED[1],
  email: PLANTED[2],
  mrn: PLANTED[3],
  permissions: { view: {}, note: {} },
  summary: { note: PLANTED[0] },
  searchText: PLANTED[0],
  ...fields,
});
const patients = () => servers.clinic.collection('patients');
const clinicians = () => servers.clinic.collection('clinicians');
const patientRows = () => servers.gatekeeper.collection('patient_permissions');
const clinicianRows = () => servers.gatekeeper.collection('clinician_permissions');

async function allRunning(): Promise<boolean> {
  const ours = (await servers.connect.connectors()).filter(({ name }) => name.startsWith(`${servers.place.prefix}.`));
  return (
    ours.length > 0 &&
    ours.every(
      ({ state, tasks }) => state === 'RUNNING' && tasks.length > 0 && tasks.every((task) => task.state === 'RUNNING'),
    )
  );
}

function reconciler(): ConnectorReconciler {
  return new ConnectorReconciler({ client: servers.connect, prefix: servers.place.prefix });
}

test('topics are created once, and put right when their settings differ', async () => {
  const defined = topicDefinitions(servers.place.prefix, PARTITIONS);
  expect(await ensureTopics(servers.kafka, defined)).toEqual({ created: [], adjusted: [], otherPartitions: [] });
  const other = defined.map((topic) => ({ ...topic, settings: { ...topic.settings, 'retention.ms': '3600000' } }));
  expect((await ensureTopics(servers.kafka, other)).adjusted).toHaveLength(defined.length);
  const isAs = async (topics: typeof defined) => (await ensureTopics(servers.kafka, topics)).adjusted.length === 0;
  await eventually(() => isAs(other), 'the other settings');
  await eventually(() => isAs(defined), 'the defined settings again');
});

test('connectors are created as defined, and a second time nothing is left to do', async () => {
  const report = await reconciler().reconcile(definitions());
  expect(report.created.sort()).toEqual(
    definitions()
      .map(({ name }) => name)
      .sort(),
  );
  await eventually(allRunning, 'all connectors run');
  expect(await reconciler().reconcile(definitions())).toEqual({
    created: [],
    changed: [],
    removed: [],
    restarted: [],
    begunAnew: [],
    poisoned: [],
    failing: [],
    unsettled: [],
  });
});

test('rows appear, change and vanish in the replicas, and hold ids and permissions only', async () => {
  const planted = patient({ userId: 'aaaaaaaa01' });
  const clinician = {
    _id: new mongo.ObjectId(),
    clinicId,
    userId: 'bbbbbbbb01',
    email: PLANTED[2],
    name: PLANTED[0],
    roles: ['CLINIC_ADMIN'],
    rolesUpdates: [],
  };
  await patients().insertOne(planted);
  await clinicians().insertOne(clinician);
  expect(await eventually(() => patientRows().findOne({ _id: planted._id }), 'patient row')).toEqual({
    _id: planted._id,
    userId: 'aaaaaaaa01',
    clinicId,
    permissions: { view: {}, note: {} },
  });
  expect(await eventually(() => clinicianRows().findOne({ _id: clinician._id }), 'clinician row')).toEqual({
    _id: clinician._id,
    userId: 'bbbbbbbb01',
    clinicId,
    roles: ['CLINIC_ADMIN'],
  });

  await patients().updateOne(
    { _id: planted._id },
    { $unset: { 'permissions.note': 1 }, $set: { fullName: 'Planted Name the Second' } },
  );
  await clinicians().updateOne({ _id: clinician._id }, { $set: { roles: ['CLINIC_MEMBER'] } });
  await eventually(
    () => patientRows().findOne({ _id: planted._id, permissions: { view: {} } }),
    'permission taken away',
  );
  await eventually(() => clinicianRows().findOne({ _id: clinician._id, roles: ['CLINIC_MEMBER'] }), 'role changed');

  await patients().deleteOne({ _id: planted._id });
  await clinicians().deleteOne({ _id: clinician._id });
  await eventually(async () => (await patientRows().countDocuments({ _id: planted._id })) === 0, 'patient row gone');
  await eventually(
    async () => (await clinicianRows().countDocuments({ _id: clinician._id })) === 0,
    'clinician row gone',
  );
});

test('what existed before the connector is in the replica', async () => {
  await eventually(() => patientRows().findOne({ userId: 'early00001' }), 'the patient from before');
});

test('updates that are followed at once by a delete leave all tasks running and both sides equal', async () => {
  const many = Array.from({ length: 400 }, (_, i) => patient({ userId: `c${String(i).padStart(9, '0')}` }));
  await patients().insertMany(many);
  await Promise.all(
    many.map(async ({ _id }) => {
      await patients().updateOne({ _id }, { $set: { permissions: { custodian: {} } } });
      await patients().deleteOne({ _id });
    }),
  );
  const last = patient({ userId: 'dddddddd01' });
  await patients().insertOne(last);
  await eventually(() => patientRows().findOne({ _id: last._id }), 'the row written after them');
  const sorted = (collection: ReturnType<typeof patients>) =>
    collection.find({}, { projection: { userId: 1, clinicId: 1, permissions: 1 }, sort: { _id: 1 } }).toArray();
  await eventually(
    async () => (await patientRows().countDocuments()) === (await patients().countDocuments()),
    'equal counts',
  );
  expect(await sorted(patientRows())).toEqual(await sorted(patients()));
  expect(await allRunning()).toBe(true);
});

test("a document's events stay in one partition, in order, and documents spread over all partitions", async () => {
  const many = Array.from({ length: 60 }, (_, i) => patient({ userId: `e${String(i).padStart(9, '0')}` }));
  await patients().insertMany(many);
  const mask = ['view', 'upload', 'note', 'custodian'];
  for (const permission of mask) {
    await patients().updateMany({ userId: /^e0/ }, { $set: { permissions: { [permission]: {} } } });
    await eventually(
      async () => (await patientRows().countDocuments({ userId: /^e0/, permissions: { [permission]: {} } })) === 60,
      permission,
    );
  }
  const { received, stop } = await listen(servers, [topicsOf(servers.place.prefix).patientPermissions]);
  try {
    const ours = () => received.filter(({ event }) => many.some(({ _id }) => _id.equals(event.documentKey._id)));
    await eventually(async () => ours().length >= 300, 'all events read');
    for (const { _id } of many) {
      const events = ours().filter(({ event }) => _id.equals(event.documentKey._id));
      expect(new Set(events.map(({ partition }) => partition)).size).toBe(1);
      expect(events.slice(1).map(({ event }) => Object.keys(event.fullDocument?.['permissions'] as object)[0])).toEqual(
        mask,
      ); // sent as permissions
    }
    expect(new Set(ours().map(({ partition }) => partition)).size).toBe(PARTITIONS);
  } finally {
    await stop();
  }
});

test('no planted name, birth date, email or MRN is in a gatekeeper topic or in the gatekeeper database', async () => {
  const topics = topicsOf(servers.place.prefix);
  const { received, stop } = await listen(servers, [topics.patientPermissions, topics.clinicianPermissions]);
  try {
    await eventually(
      async () => received.some(({ topic }) => topic === topics.clinicianPermissions) && received.length > 1_000,
      'events read',
    );
    const rows = JSON.stringify([await patientRows().find().toArray(), await clinicianRows().find().toArray()]);
    for (const value of PLANTED) {
      expect(received.filter(({ text }) => text.includes(value))).toEqual([]);
      expect(rows).not.toContain(value);
    }
  } finally {
    await stop();
  }
});

test('the worker is told which fields changed, and ids: nobody’s data are in its topics', async () => {
  const topics = topicsOf(servers.place.prefix);
  const { received, stop } = await listen(servers, [topics.clinicians, topics.patients]);
  try {
    const of = (id: mongo.ObjectId) =>
      received.filter(({ event }) => id.equals(event.documentKey._id)).map(({ event }) => event);
    const first = { roles: ['CLINIC_MEMBER'], updatedBy: 'a000000001', time: new Date() };
    const second = { roles: ['CLINIC_ADMIN'], updatedBy: 'a000000001', time: new Date() };
    const clinician = {
      _id: new mongo.ObjectId(),
      clinicId,
      email: PLANTED[2],
      name: PLANTED[0],
      roles: first.roles,
      rolesUpdates: [first],
    };
    await clinicians().insertOne(clinician);
    await clinicians().updateOne({ _id: clinician._id }, { $set: { updatedTime: new Date() } });
    await clinicians().updateOne(
      { _id: clinician._id },
      { $set: { roles: second.roles }, $push: { rolesUpdates: second } as object },
    );
    const [inserted, changed] = await eventually(
      async () => of(clinician._id).length >= 2 && of(clinician._id),
      'both events',
    );
    const told = { fullDocument: { _id: clinician._id, clinicId }, changed: ['roles', 'rolesUpdates'] };
    expect(inserted).toMatchObject({ operationType: 'insert', ...told });
    expect(changed).toMatchObject({ operationType: 'update', ...told });
    expect(changed?.fullDocument).toEqual(told.fullDocument);

    const known = patient({ userId: 'f000000001' });
    await patients().insertOne(known);
    await patients().updateOne({ _id: known._id }, { $set: { summary: { other: 1 }, searchText: 'x' } });
    await patients().updateOne(
      { _id: known._id },
      { $set: { lastUploadReminderTime: first.time }, $unset: { mrn: 1 } },
    );
    const [, reminded, ...more] = await eventually(
      async () => of(known._id).length >= 2 && of(known._id),
      'both events',
    );
    expect(reminded?.changed).toEqual(['mrn', 'lastUploadReminderTime']);
    expect(reminded?.fullDocument).toEqual({
      ...{ _id: known._id, clinicId, userId: 'f000000001', permissions: known.permissions },
      lastUploadReminderTime: first.time,
    });
    expect(more).toEqual([]);
    for (const value of PLANTED) expect(received.filter(({ text }) => text.includes(value))).toEqual([]);
  } finally {
    await stop();
  }
});

test('a definition that was changed by hand is put right, a connector of ours that is not defined is removed, others are left alone', async () => {
  const [first] = definitions();
  if (!first) throw new Error('no definitions');
  await servers.connect.put({ name: first.name, config: { ...first.config, 'poll.await.time.ms': '999' } });
  const stray = replicaSink({
    name: `${servers.place.prefix}.stray`,
    uri: servers.place.gatekeeperUri,
    topic: `${servers.place.prefix}.patients`,
    tasks: 1,
  });
  const foreign = { ...stray, name: `${servers.place.prefix}-2.patients` };
  await servers.connect.put(stray);
  await servers.connect.put(foreign);
  try {
    const report = await eventually(async () => {
      const seen = await reconciler().reconcile(definitions());
      return seen.changed.length > 0 && seen;
    }, 'the difference is seen');
    expect(report.changed).toEqual([first.name]);
    expect(report.removed).toEqual([stray.name]);
    const names = (await servers.connect.connectors()).map(({ name }) => name);
    expect(names).toContain(foreign.name);
  } finally {
    await servers.connect.remove(foreign.name);
  }
  await eventually(allRunning, 'all connectors run');
});

test('a connector that somebody stopped runs again', async () => {
  const [first] = definitions();
  if (!first) throw new Error('no definitions');
  await servers.connect.stop(first.name);
  await eventually(
    async () =>
      (await servers.connect.connectors()).some(({ name, state }) => name === first.name && state === 'STOPPED'),
    'stopped',
  );
  expect((await reconciler().reconcile(definitions())).restarted).toEqual([first.name]);
  await eventually(allRunning, 'all connectors run');
});

test('a source goes on after an update whose document was deleted while the source stood still', async () => {
  const source = `${topicsOf(servers.place.prefix).patientPermissions}.source`;
  const stops = async () =>
    (await servers.connect.connectors()).some(
      (c) => c.name === source && c.state === 'STOPPED' && c.tasks.length === 0,
    );
  const gone = patient({ userId: 'aaaaaaaa09' });
  await patients().insertOne(gone);
  await patients().updateOne({ _id: gone._id }, { $set: { permissions: { upload: {} } } });
  await eventually(
    () => patientRows().findOne({ _id: gone._id, permissions: { upload: {} } }),
    'the update, which is where the source stands',
  );
  await servers.connect.stop(source);
  await eventually(stops, 'stopped');
  await patients().deleteOne({ _id: gone._id });
  const next = patient({ userId: 'aaaaaaaa10' });
  await patients().insertOne(next);
  await servers.connect.resume(source);
  await eventually(() => patientRows().findOne({ _id: next._id }), 'what came next');
  expect(await patientRows().countDocuments({ _id: gone._id })).toBe(0);
  expect((await reconciler().reconcile(definitions())).begunAnew).toEqual([]);
});

test('messages that are no change events are put to the dead letters, and the sink goes on behind them', async () => {
  const topics = topicsOf(servers.place.prefix);
  const sink = { name: `${topics.patientPermissions}.sink`, topic: topics.patientPermissions };
  const before = patient({ userId: 'aaaaaaaa11' });
  const after = patient({ userId: 'aaaaaaaa12' });
  const producer = servers.kafka.producer();
  await producer.connect();
  await patients().insertOne(before);
  const poison = ['no JSON', '{"a": 1}', ''].flatMap((value) =>
    [0, 1, 2, 3].map((partition) => ({ key: 'x', value, partition })),
  );
  await producer.send({ topic: sink.topic, messages: poison });
  await producer.disconnect();
  await patients().insertOne(after);
  const keeper = new ConnectorReconciler({
    client: servers.connect,
    prefix: servers.place.prefix,
    putPoisonAside: (which) =>
      putPoisonAside({ kafka: servers.kafka, connect: servers.connect, deadLetters: topics.deadLetters }, which),
  });
  let aside = 0;
  await eventually(
    async () => {
      aside += (await keeper.reconcile(definitions())).poisoned.reduce((sum, { messages }) => sum + messages, 0);
      return (await patientRows().countDocuments({ _id: { $in: [before._id, after._id] } })) === 2 && allRunning();
    },
    'the good rows',
    60_000,
  );
  expect(aside).toBe(poison.length);
  const letters = await raw(servers, topics.deadLetters, poison.length);
  expect(new Set(letters.map((letter) => readDeadLetter(letter).message.value?.toString()))).toEqual(
    new Set(['no JSON', '{"a": 1}', '']),
  );
}, 120_000);

test('a failed task is restarted until it runs, with growing pauses', async () => {
  const topics = topicsOf(servers.place.prefix);
  const sink = `${topics.patientPermissions}.sink`;
  // A unique index that a replica row violates: the sink's write fails until the index is gone.
  await patientRows().createIndex({ userId: 1 }, { unique: true, name: 'in_the_way' });
  const twins = [patient({ userId: 'aaaaaaaaaa' }), patient({ userId: 'aaaaaaaaaa' })];
  await patients().insertMany(twins);
  const keeper = reconciler();
  const failing = await eventually(async () => {
    const report = await keeper.reconcile(definitions());
    return report.failing.find(({ name }) => name === sink);
  }, 'the failed sink is seen');
  expect(failing.reason).toMatch(/E11000|duplicate key|write/i);
  await patientRows().dropIndex('in_the_way');
  await eventually(async () => {
    await keeper.reconcile(definitions());
    return (await patientRows().countDocuments({ userId: 'aaaaaaaaaa' })) === 2 && allRunning();
  }, 'restarted and caught up');
});

test('a source that has lost its place in the oplog copies everything anew', async () => {
  const topics = topicsOf(servers.place.prefix);
  const source = `${topics.patientPermissions}.source`;
  await servers.connect.stop(source);
  await eventually(
    async () =>
      (await servers.connect.connectors()).some(
        (c) => c.name === source && c.state === 'STOPPED' && c.tasks.length === 0,
      ),
    'stopped',
  );
  const missed = patient({ userId: 'ffffffff01' });
  await patients().insertOne(missed);
  const offsets = await eventually(async () => {
    const seen = await servers.connect.offsets(source);
    return seen.length > 0 && seen;
  }, 'offsets');
  // The token of an event that is not in the oplog, as when the oplog has rolled over it.
  const { received, stop } = await listen(servers, [topics.patientPermissions]);
  const real = await eventually(async () => received.find(({ event }) => event.clusterTime)?.event, 'an event');
  await stop();
  const lost = { _data: real._id.slice(0, 10) + '00FFFFFF' + real._id.slice(18) };
  await servers.connect.setOffsets(
    source,
    offsets.map(({ partition }) => ({ partition, offset: { _id: JSON.stringify(lost) } })),
  );
  await servers.connect.resume(source);
  const keeper = reconciler();
  const anew = await eventually(async () => {
    const report = await keeper.reconcile(definitions());
    return report.begunAnew[0];
  }, 'the loss is noticed');
  expect(anew).toEqual({ name: source });
  await eventually(() => patientRows().findOne({ _id: missed._id }), 'what was missed');
  await eventually(allRunning, 'all connectors run');
});

test('two shards on one Kafka and one Connect see nothing of each other', async () => {
  const other = await realServers();
  try {
    await ensureTopics(other.kafka, topicDefinitions(other.place.prefix, PARTITIONS));
    const keeper = new ConnectorReconciler({ client: other.connect, prefix: other.place.prefix });
    expect((await keeper.reconcile(permissionConnectors(other.place))).removed).toEqual([]);
    expect((await reconciler().reconcile(definitions())).removed).toEqual([]);
    const [here, there] = [patient({ userId: 'aaaaaaaa21' }), patient({ userId: 'aaaaaaaa22' })];
    await patients().insertOne(here);
    await other.clinic.collection('patients').insertOne(there);
    await eventually(() => patientRows().findOne({ _id: here._id }), 'the row of this shard');
    const otherRows = other.gatekeeper.collection('patient_permissions');
    await eventually(() => otherRows.findOne({ _id: there._id }), 'the row of the other shard');
    expect(await otherRows.countDocuments()).toBe(1);
    expect(await patientRows().countDocuments({ _id: there._id })).toBe(0);
  } finally {
    await other.close();
  }
});
