import { eventually } from '@caregate/eventually';
import { hashPassword, IdentityService, type LocalIdentity, type UserId } from '@caregate/identity';
import { type Connection, mongo } from 'mongoose';
import { runningApp, type RunningApp } from './running-app.ts';

let running: RunningApp;
let clinic: Connection;
let gatekeeper: Connection;
let service: string;

beforeAll(async () => {
  running = await runningApp();
  ({ clinic, gatekeeper, service } = running);
});

afterAll(() => running?.close());

const ask: RunningApp['ask'] = (...request) => running.ask(...request);

describe('replication', () => {
  test('a patient and a clinician of one clinic: access appears, follows the permissions and ends with either of them', async () => {
    const [patientId, clinicianId] = ['0000000001', 'a000000001'];
    const [_id, clinicId] = [new mongo.ObjectId(), new mongo.ObjectId()];
    await clinic.collection('patients').insertOne({
      _id,
      clinicId,
      userId: patientId,
      fullName: 'Planted Name',
      birthDate: '1971-02-03',
      permissions: { view: {}, note: {} },
    });
    await clinic.collection('clinicians').insertOne({
      clinicId,
      userId: clinicianId,
      email: 'planted@example.test',
      name: 'Planted Name',
      roles: ['CLINIC_MEMBER'],
      rolesUpdates: [],
    });
    const answer = () => ask('GET', `/access/${patientId}/${clinicianId}`, service);
    await eventually(async () => (await answer()).statusCode === 200, 'access');
    expect((await answer()).json()).toEqual({ view: {}, note: {} });

    await clinic.collection('patients').updateOne({ _id }, { $set: { permissions: { view: {} } } });
    await eventually(async () => !('note' in (await answer()).json()), 'note is taken away');
    expect((await answer()).json()).toEqual({ view: {} });

    const rows = JSON.stringify([
      await gatekeeper.collection('patient_permissions').find().toArray(),
      await gatekeeper.collection('clinician_permissions').find().toArray(),
    ]);
    expect(rows).toContain(patientId);
    expect(rows).not.toMatch(/Planted|planted|1971/);

    await clinic.collection('patients').deleteOne({ _id });
    await eventually(async () => (await answer()).statusCode === 404, 'access ends');
  });
});

describe('a read after a write', () => {
  const clinicId = new mongo.ObjectId();
  const headers = { 'x-tidepool-session-token': '', 'x-caregate-read-after': '' };

  test('is never older than the write, again and again', async () => {
    const [patientId, clinicianId] = ['0000000009', 'a000000009'];
    await clinic.collection('clinicians').insertOne({ clinicId, userId: clinicianId, roles: ['CLINIC_MEMBER'] });
    await clinic.collection('patients').insertOne({ clinicId, userId: patientId, permissions: {} });
    for (let n = 0; n < 20; n++) {
      const permissions = n % 2 ? { view: {} } : { upload: {} };
      await clinic.collection('patients').updateOne({ clinicId, userId: patientId }, { $set: { permissions } });
      const answer = await running.app.inject({
        url: `/access/${patientId}/${clinicianId}`,
        headers: { ...headers, 'x-tidepool-session-token': service, 'x-caregate-read-after': new Date().toISOString() },
      });
      expect(answer.json()).toEqual(permissions);
    }
  });

  test('needs a time', async () => {
    const answer = await running.app.inject({
      url: '/access/0000000009',
      headers: { ...headers, 'x-tidepool-session-token': service, 'x-caregate-read-after': 'now' },
    });
    expect(answer.statusCode).toBe(400);
  });
});

describe('access', () => {
  const [patientId, memberId, inviteId, strangerId, friendId] = [
    '1000000001',
    'a000000011',
    'a000000012',
    'a000000013',
    '1000000002',
  ];
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
    await eventually(
      async () => (await gatekeeper.collection('clinician_permissions').countDocuments({ inviteId: 'invite' })) === 1,
      'clinicians',
    );
    await eventually(
      async () => (await gatekeeper.collection('patient_permissions').countDocuments({ userId: patientId })) === 2,
      'patients',
    );
    await eventually(
      async () => (await gatekeeper.collection('clinician_permissions').countDocuments({ userId: memberId })) === 2,
      'memberships',
    );
    for (const userId of [patientId, memberId, strangerId]) tokens.set(userId, await tokenOf(userId));
  });

  const as = (userId: string) => tokens.get(userId);
  const path = (...ids: string[]) => `/access/${ids.join('/')}`;

  test('a clinician has what each common clinic has, taken together with direct sharing', async () => {
    expect((await ask('GET', path(patientId, memberId), service)).json()).toEqual({
      custodian: {},
      view: {},
      upload: {},
    });
    expect((await ask('POST', path(patientId, memberId), service, { note: {} })).json()).toEqual({
      ...{ custodian: {}, view: {}, upload: {}, note: {} },
    });
    expect((await ask('GET', path(patientId, memberId), service)).json()).toEqual({
      custodian: {},
      view: {},
      upload: {},
      note: {},
    });
    expect((await ask('POST', path(patientId, memberId), service, {})).statusCode).toBe(200);
    expect((await ask('GET', path(patientId, memberId), service)).json()).toEqual({
      custodian: {},
      view: {},
      upload: {},
    });
  });

  test('nobody else has anything, and everyone is root of themselves', async () => {
    const answer = await ask('GET', path(patientId, strangerId), service);
    expect(answer.statusCode).toBe(404);
    expect(answer.json()).toEqual({ message: expect.stringContaining(strangerId) });
    expect((await ask('GET', path(patientId, patientId), service)).json()).toEqual({ root: {} });
  });

  test('a change of sharing is in the audit of each clinic of the patient: who made it, and how it ended', async () => {
    const [sharer, grantee] = ['00000000a7', '00000000a8'];
    const clinicIds = [new mongo.ObjectId(), new mongo.ObjectId()];
    await clinic.collection('patients').insertMany(clinicIds.map((clinicId) => ({ clinicId, userId: sharer })));
    expect((await ask('POST', path(sharer, grantee), service, { view: {} })).statusCode).toBe(200);
    expect((await ask('POST', path(sharer, sharer), service, { view: {} })).statusCode).toBe(400);
    const entries = await clinic.collection('audit_entries').find({ patientId: sharer }).sort({ _id: 1 }).toArray();
    expect(entries.map(({ clinicId, status }) => [String(clinicId), status >= 400])).toEqual([
      ...clinicIds.map((id) => [id.toHexString(), false]),
      ...clinicIds.map((id) => [id.toHexString(), true]),
    ]);
    expect(entries[0]).toMatchObject({
      operationId: 'SetPermissions',
      caller: { kind: 'service' },
      record: grantee,
      time: expect.any(Date),
    });
  });

  test('sharing is set, listed on both sides, replaced and ended', async () => {
    const token = as(patientId);
    expect((await ask('POST', path(patientId, friendId), token, { view: {}, note: {} })).statusCode).toBe(200);
    expect((await ask('POST', path(patientId, friendId), token, { view: {} })).json()).toEqual({ view: {} });
    expect((await ask('GET', path(patientId), token)).json()).toEqual({
      [patientId]: { root: {} },
      [friendId]: { view: {} },
    });
    expect((await ask('GET', path('groups', friendId), service)).json()).toEqual({
      [friendId]: { root: {} },
      [patientId]: { view: {} },
    });
    expect((await ask('GET', path('groups', memberId), service)).json()).toEqual({ [memberId]: { root: {} } });
    expect((await ask('POST', path(patientId, friendId), token)).statusCode).toBe(200);
    expect((await ask('GET', path(patientId, friendId), service)).statusCode).toBe(404);
  });

  test('what the identity service keeps and what is written here is the same sharing', async () => {
    const identity = running.app.get(IdentityService);
    const [sharer, other] = ['1000000007', '1000000008'] as UserId[];
    if (!sharer || !other) throw new Error('two users');
    await identity.setSharing(sharer, other, { view: {} });
    await eventually(
      async () => (await ask('GET', path(sharer, other), service)).statusCode === 200,
      'sharing of the identity service',
    );
    expect((await ask('POST', path(sharer, other), service, { note: {} })).statusCode).toBe(200);
    expect(await identity.sharesWith(other)).toEqual(new Map([[sharer, { note: {} }]]));
    await identity.forgetUser(sharer);
    await eventually(
      async () => (await ask('GET', path(sharer, other), service)).statusCode === 404,
      'nothing is shared any more',
    );
    expect(await gatekeeper.collection('perms').countDocuments({ sharerId: sharer })).toBe(0);
  });

  test('a missing token gives 400, an unknown one 401', async () => {
    expect(await ask('GET', path(patientId))).toMatchObject({
      statusCode: 400,
      body: '{"message":"session token is missing"}',
    });
    expect(await ask('GET', path(patientId), 'unknown')).toMatchObject({
      statusCode: 401,
      body: '{"message":"session token is invalid"}',
    });
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

  test('an admin or custodian shares for the user, through a clinic too; a stranger does not', async () => {
    expect((await ask('POST', path(patientId, friendId), as(memberId), { view: {} })).json()).toEqual({ view: {} });
    expect((await ask('POST', path(patientId, friendId), as(memberId), {})).json()).toEqual({});
    for (const body of [{ view: {} }, {}, undefined])
      expect((await ask('POST', path(patientId, strangerId), as(strangerId), body)).statusCode).toBe(403);
  });

  test('a grantee may leave, and do nothing else', async () => {
    await ask('POST', path(patientId, strangerId), service, { view: {} });
    await ask('POST', path(patientId, friendId), service, { view: {} });
    const leave = (granteeId: string, body?: object) => ask('POST', path(patientId, granteeId), as(strangerId), body);
    expect((await leave(strangerId, { view: {}, upload: {} })).statusCode).toBe(403);
    expect((await leave(friendId, {})).statusCode).toBe(403);
    expect((await leave(strangerId, {})).json()).toEqual({});
    expect((await ask('GET', path(patientId, strangerId), service)).statusCode).toBe(404);
    expect((await leave(strangerId, {})).statusCode).toBe(403);
    await ask('POST', path(patientId, friendId), service);
  });

  test('a right that was taken away gives nothing any more, whatever the copies still say', async () => {
    const [sharer, former, other] = ['1000000021', 'a000000021', '1000000022'];
    const token = await tokenOf(former);
    await ask('POST', path(sharer, former), service, { admin: {} });
    expect((await ask('POST', path(sharer, other), token, { view: {} })).statusCode).toBe(200);
    const row = { sharerId: sharer, userId: former };
    await ask('POST', path(sharer, former), service, {});
    await gatekeeper.collection('perms').insertOne({ ...row, permissions: { admin: {} } }); // as a copy that is behind
    for (const granteeId of [former, other])
      expect((await ask('POST', path(sharer, granteeId), token, { admin: {} })).statusCode).toBe(403);
    expect(await clinic.collection('perms').countDocuments(row)).toBe(0);
    await gatekeeper.collection('perms').deleteOne(row);
  });

  test('only permissions are shared, and root is nothing to share', async () => {
    expect((await ask('POST', path(patientId, friendId), service, { root: {}, view: {} })).json()).toEqual({
      view: {},
    });
    expect((await ask('POST', path(patientId, friendId), service, { root: {} })).json()).toEqual({});
    for (const body of [{ view: 'yes' }, { $where: {} }, [], 'view']) {
      const answer = await ask('POST', path(patientId, friendId), service, body);
      expect([body, answer.statusCode]).toEqual([body, 400]);
      expect(answer.json()).toEqual({ message: expect.any(String) });
    }
    expect((await ask('POST', path(patientId, patientId), service, { view: {} })).statusCode).toBe(400);
  });

  test.each(['/access/x', '/access/1000000001/Z000000001', '/access/groups/%00', '/access/1000000001/a%2Fb'])(
    '%s is no user: 400',
    async (url) => {
      expect((await ask('GET', url, service)).statusCode).toBe(400);
    },
  );

  test('an invite to a clinic is nobody yet', async () => {
    expect(Object.keys((await ask('GET', path(patientId), service)).json())).not.toContain('undefined');
    expect((await ask('GET', path(patientId, inviteId), service)).statusCode).toBe(404);
  });
});

async function tokenOf(userId: string): Promise<string> {
  const identity = running.app.get<unknown, LocalIdentity>(IdentityService);
  const email = `${userId}@example.test`;
  const { userId: created } = await identity.createUser({
    email,
    fullName: 'x',
    passwordHash: await hashPassword('password 1234'),
  });
  // The tests choose ids; the session's token must name the chosen one.
  const user = await clinic.collection<{ _id: string }>('users').findOneAndDelete({ _id: created });
  if (!user) throw new Error('no user');
  await clinic.collection<{ _id: string }>('users').insertOne({ ...user, _id: userId });
  return (await identity.signIn(email, 'password 1234', '127.0.0.1')).token;
}
