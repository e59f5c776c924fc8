import { ConnectClient, permissionReplicas } from '@caregate/change-events';
import { eventually } from '@caregate/eventually';
import { hashPassword, IdentityService, type LocalIdentity } from '@caregate/identity';
import { mongo } from 'mongoose';
import { DriftService } from '../src/drift/drift.service.ts';
import { CanaryService } from '../src/replication/canary.service.ts';
import { runningApp, type RunningApp } from './running-app.ts';

// What a caller is told who passes the time of a write, when the source was behind: never what was before the write.
// Connectors are looked at once an hour, so that a source that a test stops stays so.
const SETTINGS = { RECONCILE_SECONDS: '3600', DRIFT_CHECK_SECONDS: '3600', READ_AFTER_TIMEOUT_MS: '25000' };
const LONG_MS = 180_000;
/** More than a source and a sink take at once, so that they lie between one event and the next for a while. */
const OTHERS = 5_000;

const [clinicId, otherClinicId] = [new mongo.ObjectId(), new mongo.ObjectId()];
const [patientId, clinicianId] = ['0000000001', 'a000000001'];
const [MORE, LESS] = [{ view: {}, note: {} }, { view: {} }];
const [replica] = permissionReplicas;
if (!replica) throw new Error('no replica of patients');

const connect = new ConnectClient(process.env['CONNECT_URL'] ?? '');
let running: RunningApp;
let source: string;

beforeAll(async () => {
  running = await runningApp(SETTINGS);
  source = `${running.prefix}.patient-permissions.source`;
  await running.clinic.collection('clinicians').insertOne({ clinicId, userId: clinicianId, roles: ['CLINIC_MEMBER'] });
  await patients().insertMany(
    Array.from({ length: OTHERS }, (_, n) => ({
      clinicId: otherClinicId,
      userId: `b${n.toString(16).padStart(9, '0')}`,
      permissions: LESS,
    })),
  );
  await patients().insertOne({ clinicId, userId: patientId, permissions: MORE });
  await eventually(async () => (await rows().estimatedDocumentCount()) === OTHERS + 1, 'all rows', LONG_MS);
}, LONG_MS);
afterAll(() => running?.close());

const patients = () => running.clinic.collection('patients');
const rows = () => running.gatekeeper.collection('patient_permissions');

const read = (url = `/access/${patientId}/${clinicianId}`, token = running.service) =>
  running.app.inject({
    url,
    headers: { 'x-tidepool-session-token': token, 'x-caregate-read-after': new Date().toISOString() },
  });

type Answer = Awaited<ReturnType<typeof read>>;

/** Once it is not 503, as it may be while a busy machine is behind. */
const readInTheEnd = () =>
  eventually(
    async () => {
      const answer = await read();
      return answer.statusCode !== 503 && answer;
    },
    'an answer that is fresh',
    LONG_MS,
  );

/** A machine that does not catch up in time says so; whatever else is answered is to be what was written last. */
function expectFreshOr503(answer: Answer, wanted: object): void {
  if (answer.statusCode !== 503) expect(answer.json()).toEqual(wanted);
}

const give = (permissions: object) => patients().updateOne({ userId: patientId }, { $set: { permissions } });

/** Many changes that the source has to send before whatever is changed next. */
async function changeOthers(): Promise<void> {
  const permissions = { upload: {}, [`n${Date.now()}`]: {} };
  await patients().updateMany({ clinicId: otherClinicId }, { $set: { permissions } });
}

async function stopSource(): Promise<void> {
  await connect.stop(source);
  await eventually(
    async () => (await connect.connectors()).find(({ name }) => name === source)?.tasks.length === 0,
    'the source has stopped',
  );
}

/** Runs something that sends a canary, and waits until it is sent. */
async function canarySentBy<T>(work: () => Promise<T>): Promise<{ done: Promise<T> }> {
  const sent = async () =>
    JSON.stringify(await running.clinic.collection('patient_permission_canaries').find().sort({ _id: 1 }).toArray());
  const before = await sent();
  const done = work();
  done.catch(() => undefined); // looked at later
  await eventually(async () => (await sent()) !== before, 'a canary is sent');
  return { done };
}

const anotherCanary = () => canarySentBy(() => running.app.get(CanaryService).pass(replica, LONG_MS));

test(
  'a permission that was taken away while the source stood still is not answered, though other canaries are on their way',
  async () => {
    for (let n = 0; n < 3; n++) {
      await give(MORE);
      expect((await readInTheEnd()).json()).toEqual(MORE);
      await stopSource();
      const other = await anotherCanary();
      await changeOthers();
      await give(LESS);
      const { done } = await canarySentBy(() => read());
      await connect.resume(source);
      expectFreshOr503(await done, LESS);
      expect((await readInTheEnd()).json()).toEqual(LESS);
      await other.done;
    }
  },
  LONG_MS,
);

test(
  'nor is it while the source copies everything anew',
  async () => {
    await give(MORE);
    expect((await readInTheEnd()).json()).toEqual(MORE);
    await stopSource();
    await give(LESS);
    const { done } = await canarySentBy(() => read());
    await eventually(
      () =>
        connect.forgetOffsets(source).then(
          () => true,
          () => false, // it has not stopped yet
        ),
      'the source has forgotten its place',
    );
    await connect.resume(source);
    expectFreshOr503(await done, LESS);
    expect((await readInTheEnd()).json()).toEqual(LESS);
  },
  LONG_MS,
);

test(
  'nor is it when the canaries of the clinic database are those of a backup',
  async () => {
    await give(MORE);
    expect((await readInTheEnd()).json()).toEqual(MORE);
    await stopSource();
    await running.clinic.collection('patient_permission_canaries').updateMany({}, { $set: { sent: 1 } });
    await give(LESS);
    const { done } = await canarySentBy(() => read());
    await connect.resume(source);
    expectFreshOr503(await done, LESS);
    expect((await readInTheEnd()).json()).toEqual(LESS);
  },
  LONG_MS,
);

test(
  'whoever may read by a permission that was just given is let in, and by one that was just taken away is not',
  async () => {
    const identity = running.app.get<unknown, LocalIdentity>(IdentityService);
    const [sharer, other] = ['0000000005', '0000000006'];
    const { userId, token } = await userWithToken(identity);
    const perms = running.clinic.collection<{ _id: string; [field: string]: unknown }>('perms');
    const _id = `${sharer}:${userId}`;

    await stopSource();
    await perms.insertOne({ ...{ _id, sharerId: sharer, userId }, permissions: { custodian: {} } });
    const given = await canarySentBy(() => read(`/access/${sharer}/${other}`, token));
    await connect.resume(source);
    expect([404, 503]).toContain((await given.done).statusCode); // let in, and told that there is nothing

    await stopSource();
    await perms.deleteOne({ _id });
    const taken = await canarySentBy(() => read(`/access/${sharer}/${other}`, token));
    await connect.resume(source);
    expect([403, 503]).toContain((await taken.done).statusCode);
  },
  LONG_MS,
);

test(
  'rows that are behind are no drift, however far',
  async () => {
    await stopSource();
    const other = await anotherCanary();
    await changeOthers();
    await give(MORE);
    const { done } = await canarySentBy(() => running.app.get(DriftService).check(replica));
    await connect.resume(source);
    expect((await done).drift).toEqual({ missing: 0, extra: 0, different: 0 });
    await other.done;
  },
  LONG_MS,
);

async function userWithToken(identity: LocalIdentity): Promise<{ userId: string; token: string }> {
  const email = 'reader@example.test';
  const { userId } = await identity.createUser({
    email,
    fullName: 'x',
    passwordHash: await hashPassword('password 1234'),
  });
  return { userId, token: (await identity.signIn(email, 'password 1234', '127.0.0.1')).token };
}
