import { eventually } from '@caregate/eventually';
import { permissionReplicas } from '@caregate/change-events';
import { type Connection, mongo } from 'mongoose';
import { ReplicaDoubts } from '../src/connectors/replica-doubts.ts';
import { DriftService } from '../src/drift/drift.service.ts';
import { CanaryService } from '../src/replication/canary.service.ts';
import { runningApp, type RunningApp } from './running-app.ts';

/** Three ranges; `DRIFT_TEST_PATIENTS=100000` for as many as issue 7 has. */
const PATIENTS = Number(process.env['DRIFT_TEST_PATIENTS'] ?? 11_000);
const FILLED_WITHIN_MS = 120_000 + 5 * PATIENTS;

let running: RunningApp;
let clinic: Connection;
let gatekeeper: Connection;

beforeAll(async () => {
  running = await runningApp({ DRIFT_CHECK_SECONDS: '3600' });
  ({ clinic, gatekeeper } = running);
  const clinicId = new mongo.ObjectId();
  for (let n = 0; n < PATIENTS; n += 1_000) {
    await clinic.collection('patients').insertMany(
      Array.from({ length: Math.min(1_000, PATIENTS - n) }, (_, i) => ({
        clinicId,
        userId: (n + i).toString(16).padStart(10, '0'),
        fullName: 'Planted Name',
        permissions: { view: {}, note: {} },
      })),
    );
  }
  await eventually(async () => (await rows().estimatedDocumentCount()) === PATIENTS, 'all rows', FILLED_WITHIN_MS);
}, FILLED_WITHIN_MS);

afterAll(() => running?.close());

const rows = () => gatekeeper.collection('patient_permissions');
const drift = () => running.app.get(DriftService);
const [patients] = permissionReplicas;
if (!patients) throw new Error('no replica of patients');

/** Both sides as texts, one a row, so that many can be compared. */
async function sides() {
  const fields = Object.fromEntries(patients?.fields.map((field) => [field, 1]) ?? []);
  const text = (row: object) => JSON.stringify(Object.entries(row).sort(([one], [other]) => (one < other ? -1 : 1)));
  const source = await clinic
    .collection('patients')
    .find({}, { projection: fields, sort: { _id: 1 } })
    .toArray();
  const replica = await rows()
    .find({}, { sort: { _id: 1 } })
    .toArray();
  return { source: source.map(text), replica: replica.map(text) };
}

test('equal sides have no drift', async () => {
  expect(await drift().check(patients)).toEqual({
    replica: 'patient_permissions',
    rows: PATIENTS,
    drift: { missing: 0, extra: 0, different: 0 },
    repaired: 0,
  });
});

test('every planted difference is found, told apart, counted and repaired', async () => {
  const some = await rows()
    .find({}, { sort: { userId: 1 }, projection: { _id: 1 } })
    .toArray();
  const at = (part: number) => some[Math.floor((some.length - 1) * part)]?._id;
  await rows().deleteOne({ _id: at(0) });
  await rows().deleteOne({ _id: at(1) });
  await rows().updateOne({ _id: at(0.4) }, { $set: { permissions: { view: {}, note: {}, custodian: {} } } });
  await rows().updateOne({ _id: at(0.6) }, { $set: { fullName: 'Leaked Name' } });
  await rows().updateOne({ _id: at(0.8) }, { $unset: { userId: 1 } });
  await rows().insertOne({ userId: 'ffffffffff', clinicId: new mongo.ObjectId(), permissions: { view: {} } });
  await rows().insertOne({ _id: 'a text' as never, userId: 'ffffffffff' }); // ids of another type are extra, too

  expect(await drift().check(patients)).toMatchObject({ drift: { missing: 2, extra: 2, different: 3 }, repaired: 7 });
  const { source, replica } = await sides();
  expect(replica).toEqual(source);
  expect(await drift().check(patients)).toMatchObject({ drift: { missing: 0, extra: 0, different: 0 }, repaired: 0 });
  const metrics = (await running.ask('GET', '/metrics')).body;
  expect(metrics).toContain('caregate_drift_rows_total{replica="patient_permissions",kind="different"} 3');
});

test('rows that are written all the time are no drift, and a check does not undo them', async () => {
  const ids = (
    await clinic
      .collection('patients')
      .find({}, { projection: { _id: 1 }, limit: 300 })
      .toArray()
  ).map(({ _id }) => _id);
  let writing = true;
  const writer = (async () => {
    for (let n = 0; writing; n++) {
      await clinic
        .collection('patients')
        .updateOne({ _id: ids[n % ids.length] }, { $set: { permissions: n % 2 ? { view: {} } : { note: {} } } });
    }
  })();
  const reports = [await drift().check(patients), await drift().check(patients)];
  writing = false;
  await writer;
  expect(reports.map((report) => report.drift)).toEqual(reports.map(() => ({ missing: 0, extra: 0, different: 0 })));
  await running.app.get(CanaryService).pass(patients, 30_000);
  const { source, replica } = await sides();
  expect(replica).toEqual(source);
});

test('once a canary has passed, everything committed before it is in the replica', async () => {
  const canary = running.app.get(CanaryService);
  for (let n = 0; n < 20; n++) {
    const userId = `e${String(n).padStart(9, '0')}`;
    await clinic.collection('patients').insertOne({ userId, permissions: { view: {} } });
    await canary.pass(patients, 30_000);
    expect(await rows().countDocuments({ userId })).toBe(1);
  }
});

test('a replica in doubt is checked at once, and rows that are left over go', async () => {
  await rows().insertOne({ userId: 'eeeeeeeeee', clinicId: new mongo.ObjectId(), permissions: { view: {} } });
  await running.app.get(ReplicaDoubts).raise('patientPermissions');
  await eventually(async () => (await rows().countDocuments({ userId: 'eeeeeeeeee' })) === 0, 'the row is gone');
});
