import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { ConnectClient } from '@caregate/change-events';
import { hashPassword, IdentityService, prepareLocalIdentity } from '@caregate/identity';
import { startApp } from '@caregate/service';
import kafkajs from 'kafkajs';
import { type Connection, createConnection, mongo } from 'mongoose';
import { randomBytes } from 'node:crypto';
import { gatekeeperSync } from '../src/app.ts';

const prefix = `t-${randomBytes(4).toString('hex')}`;
const clinicUri = database(`clinic_${prefix}`);
const gatekeeperUri = database(`gatekeeper_${prefix}`);

let app: NestFastifyApplication;
let clinic: Connection;
let gatekeeper: Connection;
let service: string;

beforeAll(async () => {
  clinic = await createConnection(clinicUri).asPromise();
  gatekeeper = await createConnection(gatekeeperUri).asPromise();
  await prepareLocalIdentity(clinic);
  ({ app } = await startApp(gatekeeperSync, environment()));
  await eventually(async () => (await ask('GET', '/ready')).statusCode === 200, 'the app is ready');
  service = await app.get(IdentityService).serviceToken('test');
});

afterAll(async () => {
  await app?.close();
  const connect = new ConnectClient(setting('CONNECT_URL'));
  for (const { name } of await connect.connectors()) if (name.startsWith(`${prefix}.`)) await connect.remove(name);
  const admin = new kafkajs.Kafka({ brokers: setting('KAFKA_BROKERS').split(','), logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.deleteTopics({ topics: (await admin.listTopics()).filter((name) => name.startsWith(`${prefix}.`)) });
  await admin.disconnect();
  for (const connection of [clinic, gatekeeper]) {
    await connection.dropDatabase();
    await connection.close();
  }
});

const environment = () => ({
  ...process.env,
  PORT: '0',
  HOST: '127.0.0.1',
  LOG_LEVEL: process.env.TEST_LOG_LEVEL ?? 'silent',
  MONGODB_URI: clinicUri,
  GATEKEEPER_MONGODB_URI: gatekeeperUri,
  TOPIC_PREFIX: prefix,
  TOPIC_PARTITIONS: '3',
  RECONCILE_SECONDS: '1',
  IDENTITY: 'local',
  IDENTITY_SECRET: 'a'.repeat(32),
});

describe('replication', () => {
  test('a patient and a clinician of one clinic: access appears, follows the permissions and ends with either of them', async () => {
    const [patientId, clinicianId] = ['0000000001', 'a000000001'];
    const [_id, clinicId] = [new mongo.ObjectId(), new mongo.ObjectId()];
    await clinic.collection('patients').insertOne({ _id, clinicId, userId: patientId, fullName: 'Planted Name', birthDate: '1971-02-03', permissions: { view: {}, note: {} } });
    await clinic.collection('clinicians').insertOne({ clinicId, userId: clinicianId, email: 'planted@example.test', name: 'Planted Name', roles: ['CLINIC_MEMBER'], rolesUpdates: [] });
    const answer = () => ask('GET', `/access/${patientId}/${clinicianId}`, service);
    await eventually(async () => (await answer()).statusCode === 200, 'access');
    expect((await answer()).json()).toEqual({ view: {}, note: {} });

    await clinic.collection('patients').updateOne({ _id }, { $set: { permissions: { view: {} } } });
    await eventually(async () => !('note' in (await answer()).json()), 'note is taken away');
    expect((await answer()).json()).toEqual({ view: {} });

    const rows = JSON.stringify([await gatekeeper.collection('patient_permissions').find().toArray(), await gatekeeper.collection('clinician_permissions').find().toArray()]);
    expect(rows).toContain(patientId);
    expect(rows).not.toMatch(/Planted|planted|1971/);

    await clinic.collection('patients').deleteOne({ _id });
    await eventually(async () => (await answer()).statusCode === 404, 'access ends');
  });
});

describe('access', () => {
  const [patientId, memberId, inviteId, strangerId, friendId] = ['1000000001', 'a000000011', 'a000000012', 'a000000013', '1000000002'];
  const [clinicId, otherClinic] = [new mongo.ObjectId(), new mongo.ObjectId()];
  const tokens = new Map<string, string>();

  beforeAll(async () => {
    await clinic.collection('patients').insertMany([
      { clinicId, userId: patientId, permissions: { custodian: {}, view: {} } },
      { clinicId: otherClinic, userId: patientId, permissions: { upload: {} } },
    ]);
    await clinic.collection('clinicians').insertMany([
      { clinicId, userId: memberId, roles: ['CLINIC_MEMBER'] },
      { clinicId: otherClinic, userId: memberId, roles: ['CLINIC_ADMIN'] },
      { clinicId, inviteId: 'invite', roles: ['CLINIC_MEMBER'] },
    ]);
    await eventually(async () => (await gatekeeper.collection('clinician_permissions').countDocuments({ inviteId: 'invite' })) === 1, 'clinicians');
    await eventually(async () => (await gatekeeper.collection('patient_permissions').countDocuments({ userId: patientId })) === 2, 'patients');
    await eventually(async () => (await gatekeeper.collection('clinician_permissions').countDocuments({ userId: memberId })) === 2, 'memberships');
    for (const userId of [patientId, memberId, strangerId]) tokens.set(userId, await tokenOf(userId));
  });

  const as = (userId: string) => tokens.get(userId);
  const path = (...ids: string[]) => `/access/${ids.join('/')}`;

  test('a clinician has what each common clinic has, taken together with direct sharing', async () => {
    expect((await ask('GET', path(patientId, memberId), service)).json()).toEqual({ custodian: {}, view: {}, upload: {} });
    expect((await ask('POST', path(patientId, memberId), service, { note: {} })).json()).toEqual({ note: {} });
    expect((await ask('GET', path(patientId, memberId), service)).json()).toEqual({ custodian: {}, view: {}, upload: {}, note: {} });
    expect((await ask('POST', path(patientId, memberId), service, {})).statusCode).toBe(200);
    expect((await ask('GET', path(patientId, memberId), service)).json()).toEqual({ custodian: {}, view: {}, upload: {} });
  });

  test('nobody else has anything, and everyone is root of themselves', async () => {
    const answer = await ask('GET', path(patientId, strangerId), service);
    expect(answer.statusCode).toBe(404);
    expect(answer.json()).toEqual({ message: expect.stringContaining(strangerId) });
    expect((await ask('GET', path(patientId, patientId), service)).json()).toEqual({ root: {} });
  });

  test('sharing is set, listed on both sides, replaced and ended', async () => {
    const token = as(patientId);
    expect((await ask('POST', path(patientId, friendId), token, { view: {}, note: {} })).statusCode).toBe(200);
    expect((await ask('POST', path(patientId, friendId), token, { view: {} })).json()).toEqual({ view: {} });
    expect((await ask('GET', path(patientId), token)).json()).toEqual({
      [patientId]: { root: {} },
      [friendId]: { view: {} },
      [memberId]: { custodian: {}, view: {}, upload: {} },
    });
    expect((await ask('GET', path('groups', friendId), service)).json()).toEqual({ [friendId]: { root: {} }, [patientId]: { view: {} } });
    expect((await ask('GET', path('groups', memberId), service)).json()).toEqual({
      [memberId]: { root: {} },
      [patientId]: { custodian: {}, view: {}, upload: {} },
    });
    expect((await ask('POST', path(patientId, friendId), token)).statusCode).toBe(200);
    expect((await ask('GET', path(patientId, friendId), service)).statusCode).toBe(404);
  });

  test('a missing token gives 400, an unknown one 401', async () => {
    expect(await ask('GET', path(patientId))).toMatchObject({ statusCode: 400, body: '{"message":"session token is missing"}' });
    expect(await ask('GET', path(patientId), 'unknown')).toMatchObject({ statusCode: 401, body: '{"message":"session token is invalid"}' });
  });

  test('a user reads what names them; a custodian reads the rows of their patient; a stranger reads nothing', async () => {
    const status = async (userId: string, ...ids: string[]) => (await ask('GET', path(...ids), as(userId))).statusCode;
    expect(await status(patientId, patientId, memberId)).toBe(200);
    expect(await status(memberId, patientId, memberId)).toBe(200);
    expect(await status(memberId, patientId, strangerId)).toBe(404);
    expect(await status(memberId, patientId)).toBe(200);
    expect(await status(strangerId, patientId)).toBe(403);
    expect(await status(strangerId, patientId, memberId)).toBe(403);
    expect(await status(strangerId, 'groups', patientId)).toBe(403);
    expect(await status(strangerId, 'groups', strangerId)).toBe(200);
  });

  test('only the user or a service shares, and only permissions', async () => {
    expect((await ask('POST', path(patientId, friendId), as(memberId), { view: {} })).statusCode).toBe(403);
    expect((await ask('POST', path(patientId, strangerId), as(strangerId), { view: {} })).statusCode).toBe(403);
    for (const body of [{ root: {} }, { view: 'yes' }, { $where: {} }, [], 'view']) {
      const answer = await ask('POST', path(patientId, friendId), service, body);
      expect([body, answer.statusCode]).toEqual([body, 400]);
      expect(answer.json()).toEqual({ message: expect.any(String) });
    }
    expect((await ask('POST', path(patientId, patientId), service, { view: {} })).statusCode).toBe(400);
  });

  test.each(['/access/x', '/access/1000000001/Z000000001', '/access/groups/%00', '/access/1000000001/a%2Fb'])('%s is no user: 400', async (url) => {
    expect((await ask('GET', url, service)).statusCode).toBe(400);
  });

  test('an invite to a clinic is nobody yet', async () => {
    expect(Object.keys((await ask('GET', path(patientId), service)).json())).not.toContain('undefined');
    expect((await ask('GET', path(patientId, inviteId), service)).statusCode).toBe(404);
  });
});

async function tokenOf(userId: string): Promise<string> {
  const identity = app.get(IdentityService);
  const email = `${userId}@example.test`;
  const { userId: created } = await identity.ensureOwner({ email, fullName: 'x', passwordHash: await hashPassword('password 1234') });
  // The tests choose ids; the session's token must name the chosen one.
  const user = await clinic.collection<{ _id: string }>('users').findOneAndDelete({ _id: created });
  if (!user) throw new Error('no user');
  await clinic.collection<{ _id: string }>('users').insertOne({ ...user, _id: userId });
  return (await identity.signIn(email, 'password 1234', '127.0.0.1')).token;
}

function ask(method: 'GET' | 'POST', url: string, token?: string, body?: unknown) {
  return app.inject({
    method,
    url,
    headers: { ...(token !== undefined && { 'x-tidepool-session-token': token }), ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { payload: JSON.stringify(body) }),
  });
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

async function eventually(look: () => Promise<boolean>, what: string, withinMs = 30_000): Promise<void> {
  const end = Date.now() + withinMs;
  while (!(await look())) {
    if (Date.now() > end) throw new Error(`not seen within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
