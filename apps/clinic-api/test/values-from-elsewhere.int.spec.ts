import { contracts, responseValidator } from '@caregate/contracts';
import { answered, type Harness, newClinic, startHarness, statusOf } from './harness.ts';
import { newPatient, newPatientFromUser } from './patients.ts';

/** What the identity service knows of people may be anything. Whatever way it gets in, it can be saved again as it is answered. */

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(() => harness.close());

const PATIENT = '/v1/clinics/{clinicId}/patients/{patientId}';

const REFUSED = {
  email: ['n/a', 'jdoe', 'a@example.com\nBcc: b@example.com', `${'x'.repeat(300)}@example.com`],
  birthday: ['1990-02-30', '02/03/1990', '1066-10-14', '2999-01-01'],
  mrn: ['x'.repeat(5_000), 'M\u0000', ' \u00a0'],
  fullName: ['x'.repeat(5_000), '\u200b'],
};
const profiles = Object.entries(REFUSED).flatMap(([field, values]) =>
  values.map((value) => [field, value.slice(0, 40), { [field]: value }] as const),
);

/** Whether the answer keeps the contract, and is taken again as it is. */
async function savedAgain(clinicId: string, patientId: string) {
  const at = { params: { path: { clinicId, patientId } } };
  const patient = answered(await harness.asService().GET(PATIENT, at));
  const problems = responseValidator(contracts.clinic).problems('GetPatient', {
    ...{ status: 200, contentType: 'application/json', body: patient },
  });
  const { birthDate, ...rest } = patient;
  const body = { ...rest, birthDate: birthDate || '1990-02-03' };
  return {
    problems,
    status: statusOf(await harness.asService().PUT(PATIENT, { ...at, body: body as never })),
    patient,
  };
}

describe.each(profiles)('a profile with %s %j', (field, _shown, patient) => {
  const user = () =>
    harness.newUser({
      roles: ['patient'],
      profile: { patient: { fullName: 'Kid', birthday: '2015-05-05', ...patient } },
    });

  test('becomes a patient who can be saved', async () => {
    const { id: clinicId } = await newClinic(harness.newUser().api);
    const { userId } = user();
    const body = { permissions: { view: {} }, fullName: 'Given', birthDate: '1970-01-01' };
    answered(await harness.asService().POST(PATIENT, { params: { path: { clinicId, patientId: userId } }, body }));
    expect(await savedAgain(clinicId, userId)).toMatchObject({ problems: [], status: 200 });
  });

  test('becomes a migrated patient, whose birth date may be empty until the clinic saves it', async () => {
    const { id: clinicId } = await newClinic(harness.newUser().api);
    const { userId, email } = user();
    const body = { permissions: { view: {} }, isMigrated: true };
    const at = { params: { path: { clinicId, patientId: userId } } };
    answered(await harness.asService().POST(PATIENT, { ...at, body }));
    const saved = await savedAgain(clinicId, userId);
    expect(saved).toMatchObject({ problems: [], status: 200 });
    expect(saved.patient).toMatchObject({
      fullName: field === 'fullName' ? email : 'Kid',
      birthDate: field === 'birthday' ? '' : '2015-05-05',
    });
  });
});

test('a patient without a birth date is not saved without one', async () => {
  const { id: clinicId } = await newClinic(harness.newUser().api);
  const { userId } = harness.newUser({ roles: ['patient'], profile: {} });
  const at = { params: { path: { clinicId, patientId: userId } } };
  const patient = answered(await harness.asService().POST(PATIENT, { ...at, body: { isMigrated: true } }));
  expect(patient.birthDate).toBe('');
  const answer = await harness.asService().PUT(PATIENT, { ...at, body: patient as never });
  expect(statusOf(answer)).toBe(400);
  expect(answer.error).toEqual({ message: expect.stringContaining('/birthDate must be a date, YYYY-MM-DD') });
});

test.each([
  ['n/a', 'x'.repeat(5_000)],
  ['a@example.com\nBcc: b@example.com', '\u061c'],
])(
  'a creator with the email %j and a name that no request could tell is an admin without them',
  async (email, fullName) => {
    const creator = harness.newUser({ email, profile: { fullName } });
    const { id: clinicId } = await newClinic(creator.api);
    const clinicians = answered(
      await creator.api.GET('/v1/clinics/{clinicId}/clinicians', { params: { path: { clinicId } } }),
    );
    expect(clinicians).toHaveLength(1);
    expect(clinicians[0]).not.toHaveProperty('name');
  },
);

describe('a search', () => {
  const NAMES = ['ΟΔΥΣΣΕΥΣ', 'Strauß', 'İsmail', 'José', 'O’Brien', 'Smith‑Jones', 'a.*b'];
  const SEARCHES = ['οδυς', 'STRAUSS', 'ismail', 'jose', "o'brien", ' smith-jones ', '.*'];

  test('finds patients and clinicians however their names are written', async () => {
    const admin = harness.newUser();
    const { id: clinicId } = await newClinic(admin.api);
    for (const fullName of NAMES) await newPatient(admin.api, clinicId, { fullName });
    for (const name of NAMES) {
      const { userId: id, email = '' } = harness.newUser();
      const body = { id, email, name, roles: ['CLINIC_MEMBER' as const] };
      const params = { path: { clinicId } };
      answered(await harness.asService().POST('/v1/clinics/{clinicId}/clinicians', { params, body }));
    }
    for (const [n, search] of SEARCHES.entries()) {
      const query = { params: { path: { clinicId }, query: { search } } };
      const patients = answered(await admin.api.GET('/v1/clinics/{clinicId}/patients', query));
      expect([search, patients.data?.map(({ fullName }) => fullName)]).toEqual([search, [NAMES[n]]]);
      const clinicians = answered(await admin.api.GET('/v1/clinics/{clinicId}/clinicians', query));
      expect([search, clinicians.map(({ name }) => name)]).toEqual([search, [NAMES[n]]]);
    }
  });
});

test('a patient from a user is found and sorted as one whom the clinic made', async () => {
  const admin = harness.newUser();
  const { id: clinicId } = await newClinic(admin.api);
  const { patient } = await newPatientFromUser(harness, clinicId, { fullName: 'Zoë', permissions: { view: {} } });
  const query = { params: { path: { clinicId }, query: { search: 'ZOE' } } };
  const found = answered(await admin.api.GET('/v1/clinics/{clinicId}/patients', query));
  expect(found.data?.map(({ id }) => id)).toEqual([patient.id]);
});
