import { eventually } from '@caregate/eventually';
import { mongo } from 'mongoose';
import { runningApp, type RunningApp } from './running-app.ts';

/** Rows of clinics that are served elsewhere give nobody anything here, whatever the shard still holds of them. */

let running: RunningApp;
beforeAll(async () => void (running = await runningApp()));
afterAll(() => running?.close());

const [patientId, friendId] = ['0000000001', '0000000002'];
const [leaving, staying, arriving] = [new mongo.ObjectId(), new mongo.ObjectId(), new mongo.ObjectId()];
const accounts = () => running.clinic.collection<{ _id: string }>('accounts');

/** Who works in each clinic, and what the patient lets the clinic do. */
const CLINICS = [
  { clinicId: leaving, clinician: 'a000000001', permissions: { view: {}, custodian: {} } },
  { clinicId: staying, clinician: 'a000000002', permissions: { upload: {} } },
  { clinicId: arriving, clinician: 'a000000003', permissions: { note: {} } },
];

beforeAll(async () => {
  await running.clinic.collection('clinics').insertMany([
    { _id: leaving, accountId: 'leaving' },
    { _id: staying, accountId: 'staying' },
    { _id: arriving, accountId: 'arriving' },
  ]);
  await accounts().insertMany([{ _id: 'leaving' }, { _id: 'staying' }]);
  for (const { clinicId, clinician, permissions } of CLINICS) {
    await running.clinic.collection('patients').insertOne({ clinicId, userId: patientId, permissions });
    await running.clinic.collection('clinicians').insertOne({ clinicId, userId: clinician, roles: ['CLINIC_MEMBER'] });
  }
  await running.ask('POST', `/access/${patientId}/${friendId}`, running.service, { view: {} });
  const gatekeeper = (name: string) => running.gatekeeper.collection(name).countDocuments({});
  await eventually(
    async () => (await gatekeeper('patient_permissions')) === 3 && (await gatekeeper('clinician_permissions')) === 3,
    'everybody’s access is replicated',
  );
});

const read = async (url: string): Promise<object> => (await running.ask('GET', url, running.service)).json();
const [ofLeaving, ofStaying, ofArriving] = CLINICS.map(({ clinician }) => clinician);

/** What the gatekeeper says of one clinician and the patient. */
async function grants(clinician: string | undefined) {
  return (await running.ask('GET', `/access/${patientId}/${clinician}`, running.service)).statusCode;
}
const [SOME, NONE] = [200, 404];

async function othersKeepTheirs(): Promise<void> {
  expect(await grants(ofStaying)).toEqual(SOME);
  expect(await read(`/access/groups/${friendId}`)).toEqual({ [friendId]: { root: {} }, [patientId]: { view: {} } });
  expect(await read(`/access/${patientId}`)).toMatchObject({ [friendId]: { view: {} } });
}

test('a clinic that leaves grants as long as it is served here, and from then on nothing, also when what it left is deleted', async () => {
  expect(await grants(ofLeaving)).toEqual(SOME);
  const moved = { moveId: 'move', shard: 'uk1', time: new Date(), keys: [], clinics: [leaving] };
  await accounts().updateOne({ _id: 'leaving' }, { $set: { moved } });
  expect(await grants(ofLeaving)).toEqual(NONE);
  await othersKeepTheirs();

  await accounts().updateOne({ _id: 'leaving' }, { $set: { 'moved.purged': true } });
  expect(await grants(ofLeaving)).toEqual(NONE); // the rows are deleted later than what they are copies of
});

test('a clinic that arrives grants nothing before its account is activated', async () => {
  const arrivals = running.clinic.collection<{ _id: string }>('account_arrivals');
  await arrivals.insertOne({ _id: 'arriving' });
  expect(await grants(ofArriving)).toEqual(NONE);
  await othersKeepTheirs();

  await accounts().insertOne({ _id: 'arriving' });
  await arrivals.deleteOne({ _id: 'arriving' });
  expect(await grants(ofArriving)).toEqual(SOME);
});
