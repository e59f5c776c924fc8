import { answered, type Harness, newClinic, startHarness, statusOf } from '../../test/harness.ts';
import { newPatient, person } from '../../test/patients.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(() => harness.close());

const PATIENT = '/v1/clinics/{clinicId}/patients/{patientId}';
const AT_ONCE = 8;

async function clinicWithRules(mrn: { required: boolean; unique: boolean }) {
  const { api } = harness.newUser();
  const { id } = await newClinic(api);
  answered(
    await harness
      .asService()
      .PUT('/v1/clinics/{clinicId}/settings/mrn', { params: { path: { clinicId: id } }, body: mrn }),
  );
  return { api, clinicId: id };
}
const tally = (statuses: number[]) =>
  Object.fromEntries([...Map.groupBy(statuses, (status) => status)].map(([status, all]) => [status, all.length]));

test('of those who are created with one MRN at once, one gets it', async () => {
  const { api, clinicId } = await clinicWithRules({ required: false, unique: true });
  const create = () =>
    api.POST('/v1/clinics/{clinicId}/patients', {
      params: { path: { clinicId } },
      body: person({ mrn: 'SAME' }) as never,
    });
  const answers = await Promise.all(Array.from({ length: AT_ONCE }, create));
  expect(tally(answers.map(statusOf))).toEqual({ 200: 1, 400: AT_ONCE - 1 });
  expect(await harness.models.patients.countDocuments({ mrn: 'SAME' })).toBe(1);
});

test('of those who are changed to one MRN at once, one gets it', async () => {
  const { api, clinicId } = await clinicWithRules({ required: true, unique: true });
  const patients = await Promise.all(
    Array.from({ length: AT_ONCE }, (_, i) => newPatient(api, clinicId, { mrn: `OWN-${i}` })),
  );
  const answers = await Promise.all(
    patients.map(({ id, fullName, birthDate }) =>
      api.PUT(PATIENT, {
        params: { path: { clinicId, patientId: id } },
        body: { fullName, birthDate, mrn: 'WANTED' } as never,
      }),
    ),
  );
  expect(tally(answers.map(statusOf))).toEqual({ 200: 1, 400: AT_ONCE - 1 });
  expect(await harness.models.patients.countDocuments({ mrn: 'WANTED' })).toBe(1);
});

test('MRNs that become unique while patients come in are unique then, or the rule is refused', async () => {
  for (let round = 0; round < 5; round++) {
    const { api, clinicId } = await clinicWithRules({ required: false, unique: false });
    const creations = Array.from({ length: 4 }, (_, i) =>
      newPatient(api, clinicId, { mrn: `M-${i % 2}` }).then(
        () => 200,
        () => 400,
      ),
    );
    const rule = harness.asService().PUT('/v1/clinics/{clinicId}/settings/mrn', {
      params: { path: { clinicId } },
      body: { required: false, unique: true },
    });
    const [setting] = await Promise.all([rule, ...creations]);
    const records = await harness.models.patients.find({ clinicId: clinicId as never }).lean(); // mongoose reads the text as an id
    const distinct = new Set(records.map(({ mrn }) => mrn)).size;
    if (statusOf(setting) === 200) expect(distinct).toBe(records.length);
    else expect(records.every(({ uniqueMrn }) => uniqueMrn === undefined)).toBe(true);
  }
});

test('a user is a patient of a clinic once, however often they are brought at once', async () => {
  const { clinicId } = await clinicWithRules({ required: false, unique: false });
  const { userId } = harness.newUser({
    roles: ['patient'],
    profile: { fullName: 'Once', patient: { birthday: '1990-01-01' } },
  });
  const bring = () =>
    harness
      .asService()
      .POST(PATIENT, { params: { path: { clinicId, patientId: userId } }, body: { permissions: { view: {} } } });
  const answers = await Promise.all(Array.from({ length: AT_ONCE }, bring));
  expect(tally(answers.map(statusOf))).toEqual({ 200: 1, 409: AT_ONCE - 1 });
  const count = answered(
    await harness.asService().GET('/v1/clinics/{clinicId}/patient_count', { params: { path: { clinicId } } }),
  );
  expect(count).toMatchObject({ total: 1 });
});

test('changes of one patient from several sides all come through', async () => {
  const { api, clinicId } = await clinicWithRules({ required: false, unique: false });
  const { id } = await newPatient(api, clinicId);
  const put = (providerName: string) =>
    harness.asService().PUT('/v1/patients/{userId}/data_sources', {
      params: { path: { userId: id } },
      body: [{ providerName, state: 'connected' }],
    });
  const rename = (fullName: string) =>
    api.PUT(PATIENT, {
      params: { path: { clinicId, patientId: id } },
      body: { fullName, birthDate: '1990-01-01' } as never,
    });
  const answers = await Promise.all([
    put('dexcom'),
    rename('A'),
    put('twiist'),
    rename('B'),
    put('abbott'),
    rename('C'),
  ]);
  expect(tally(answers.map(statusOf))).toEqual({ 200: 6 });
  const patient = answered(await api.GET(PATIENT, { params: { path: { clinicId, patientId: id } } }));
  const [source] = patient.dataSources ?? [];
  const count = answered(await api.GET('/v1/clinics/{clinicId}/patient_count', { params: { path: { clinicId } } }));
  expect(count).toEqual({
    total: 1,
    demo: 0,
    plan: source?.providerName === 'twiist' ? 0 : 1,
    providers: { [source?.providerName ?? '']: { total: 1, states: { connected: 1 } } },
  });
});
