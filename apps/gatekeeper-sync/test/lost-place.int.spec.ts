import { ConnectClient, type ChangeEvent, parseChangeEvent } from '@caregate/change-events';
import { eventually } from '@caregate/eventually';
import kafkajs from 'kafkajs';
import { mongo } from 'mongoose';
import { runningApp, type RunningApp } from './running-app.ts';

const connect = new ConnectClient(process.env['CONNECT_URL'] ?? '');
const kafka = new kafkajs.Kafka({
  brokers: (process.env['KAFKA_BROKERS'] ?? '').split(','),
  logLevel: kafkajs.logLevel.NOTHING,
});
const DAY_MS = 86_400_000;

let running: RunningApp;

beforeAll(async () => {
  running = await runningApp({ RECONCILE_SECONDS: '5' });
});
afterAll(() => running?.close());

test('what changed since the place that a worker’s source lost is sent again, and says since when; what is older is not', async () => {
  const clinicId = new mongo.ObjectId();
  const topic = `${running.prefix}.patients`;
  const patients = running.clinic.collection('patients');
  const patient = (userId: string, time: Date) => ({
    ...{ _id: new mongo.ObjectId(), clinicId, userId, fullName: 'Planted Name', permissions: { view: {} } },
    ...{ createdTime: time, updatedTime: time },
  });
  const [old, recent] = [patient('a000000001', new Date(Date.now() - DAY_MS)), patient('a000000002', new Date())];
  await patients.insertMany([old, recent]);

  const events: ChangeEvent[] = [];
  const consumer = kafka.consumer({ groupId: `${running.prefix}.lost-place` });
  await consumer.connect();
  try {
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({ eachMessage: async ({ message }) => void events.push(parseChangeEvent(message.value)) });
    const of = ({ _id }: { _id: mongo.ObjectId }) => events.filter(({ documentKey }) => _id.equals(documentKey._id));
    const [written] = await eventually(
      async () => of(old).length === 1 && of(recent).length === 1 && of(recent),
      'both as they are written',
    );
    if (!written) throw new Error('no event');
    await losePlace(topic, written);
    const next = patient('a000000003', new Date());
    await patients.insertOne(next); // by it MongoDB sees that the token was passed over
    const [, copied] = await eventually(
      async () => of(recent).length > 1 && of(recent),
      'the recent one again',
      150_000,
    );
    expect(copied?.clusterTime).toBeUndefined();
    expect(copied?.changedSince?.getTime()).toBeLessThan(recent.createdTime.getTime());
    expect(copied?.changedSince?.getTime()).toBeGreaterThan(old.createdTime.getTime());
    await eventually(async () => of(next).length > 0, 'what comes after');
    expect(of(old)).toHaveLength(1);
  } finally {
    await consumer.disconnect();
  }
  const metrics = await running.ask('GET', '/metrics');
  expect(metrics.body).toMatch(/caregate_connector_acts_total\{[^}]*act="begun anew"[^}]*\} 1\b/);
}, 240_000);

test('a patient who was deleted while the source of the permissions lost its place is not answered to a read that must be fresh', async () => {
  const [patientId, clinicianId, clinicId] = ['a000000011', 'a000000012', new mongo.ObjectId()];
  const patients = running.clinic.collection('patients');
  const source = `${running.prefix}.patient-permissions.source`;
  const read = () =>
    running.app.inject({
      url: `/access/${patientId}/${clinicianId}`,
      headers: { 'x-tidepool-session-token': running.service, 'x-caregate-read-after': new Date().toISOString() },
    });
  await running.clinic.collection('clinicians').insertOne({ clinicId, userId: clinicianId, roles: ['CLINIC_MEMBER'] });
  await patients.insertOne({ clinicId, userId: patientId, permissions: { view: {} } });
  await eventually(async () => (await read()).statusCode === 200, 'access');
  const event = await firstEvent(`${running.prefix}.patient-permissions`);
  await stopped(source);
  await patients.deleteOne({ userId: patientId });
  await losePlace(source, event);
  const seen = new Set<number>();
  await eventually(
    async () => {
      const { statusCode } = await read();
      seen.add(statusCode);
      return statusCode === 404;
    },
    'access has ended',
    150_000,
  );
  expect([...seen].filter((status) => ![503, 404].includes(status))).toEqual([]);
}, 240_000);

async function firstEvent(topic: string): Promise<ChangeEvent> {
  const events: ChangeEvent[] = [];
  const consumer = kafka.consumer({ groupId: `${running.prefix}.first-event` });
  await consumer.connect();
  try {
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({ eachMessage: async ({ message }) => void events.push(parseChangeEvent(message.value)) });
    return await eventually(async () => events.find(({ clusterTime }) => clusterTime), 'an event that was no copy');
  } finally {
    await consumer.disconnect();
  }
}

/** Until the app sets it going again. */
async function stopped(name: string): Promise<void> {
  await connect.stop(name);
  await eventually(
    async () => (await connect.connectors()).find((each) => each.name === name)?.tasks.length === 0,
    'the source has stopped',
  );
}

test('what happened to users since the place that their source lost is published again, under the same ids', async () => {
  const name = `${running.prefix}.user-events.source`;
  const ids: string[] = [];
  const consumer = kafka.consumer({ groupId: `${running.prefix}.lost-users` });
  await consumer.connect();
  const note = (id: string, createdTime: Date) =>
    running.clinic.collection('user_events').insertOne({
      createdTime,
      event: {
        ...{ specversion: '1.0', id, type: 'users:delete', source: '/test', subject: 'a000000009' },
        ...{ datacontenttype: 'application/json', data: { userid: 'a000000009' } },
      },
    });
  try {
    await consumer.subscribe({ topics: [`${running.prefix}.user-events`], fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ message }) => void ids.push(JSON.parse(message.value?.toString() ?? '{}').id),
    });
    const times = (id: string) => ids.filter((each) => each === id).length;
    await note('recent', new Date());
    await eventually(async () => times('recent') > 0, 'as it is written');
    const [found] = await eventually(async () => {
      const offsets = await connect.offsets(name);
      return offsets.length > 0 && offsets;
    }, 'the place of the source');
    const { _data } = JSON.parse((found?.offset as { _id: string })._id) as { _data: string }; // as sources write it
    const before = times('recent');
    await losePlace(name, { _id: _data });
    await note('next', new Date());
    await eventually(async () => times('recent') > before && times('next') > 0, 'the recent one again', 150_000);
  } finally {
    await consumer.disconnect();
  }
}, 240_000);

/** As when the oplog has rolled over where the source stands: the token of its place, next to that of an event, is in it no longer. */
async function losePlace(name: string, { _id }: Pick<ChangeEvent, '_id'>): Promise<void> {
  const lost = JSON.stringify({ _data: `${_id.slice(0, 10)}00FFFFFF${_id.slice(18)}` });
  const [found] = await eventually(async () => {
    const offsets = await connect.offsets(name);
    return offsets.length > 0 && offsets;
  }, 'the place of the source');
  const moved = async () => {
    await connect.stop(name);
    return connect.setOffsets(name, [{ partition: found?.partition, offset: { _id: lost } }]).then(
      () => true,
      () => false, // it has not stopped yet, or runs again
    );
  };
  await eventually(moved, 'the offset is set');
  await connect.resume(name);
}
