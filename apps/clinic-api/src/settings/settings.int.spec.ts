import { newObjectId, objectId, type PatientDocument, repairCounts, searchFields } from '@caregate/clinic-model';
import type { ClinicClient } from '@caregate/contracts';
import { answered, type Harness, newClinic, startHarness, statusOf } from '../../test/harness.ts';
import { newUserId } from '../../test/identity-server.ts';

let harness: Harness;
let api: ClinicClient;
let service: ClinicClient;
let clinicId: string;
beforeAll(async () => {
  harness = await startHarness();
  service = harness.asService();
});
beforeEach(async () => {
  api = harness.newUser().api;
  clinicId = (await newClinic(api)).id;
});
afterAll(() => harness.close());

const params = () => ({ params: { path: { clinicId } } });
const add = (mrn?: string) =>
  api.POST('/v1/clinics/{clinicId}/patients', {
    ...params(),
    body: { fullName: 'Pat', birthDate: '1990-01-01', ...(mrn && { mrn }) },
  });
const setMrn = (unique: boolean) =>
  service.PUT('/v1/clinics/{clinicId}/settings/mrn', { ...params(), body: { required: false, unique } });
const setLimits = (body: object) => service.PUT('/v1/clinics/{clinicId}/settings/patient_count', { ...params(), body });
const limits = async () => answered(await api.GET('/v1/clinics/{clinicId}/settings/patient_count', params()));
const setTier = (tier: 'tier0100' | 'tier0200') =>
  service.POST('/v1/clinics/{clinicId}/tier', { ...params(), body: { tier } });
const plan = async () => answered(await api.GET('/v1/clinics/{clinicId}/patient_count', params())).plan;
const statuses = (answers: { response: Response }[]) => answers.map(statusOf).sort();

function patientOf(clinic: PatientDocument['clinicId'], mrn: string): PatientDocument {
  const person = { fullName: `P ${mrn}`, birthDate: '1990-01-01', mrn };
  const now = new Date();
  return {
    _id: newObjectId(),
    clinicId: clinic,
    userId: newUserId(),
    ...person,
    ...searchFields(person),
    permissions: { custodian: {} },
    tags: [],
    sites: [],
    createdTime: now,
    updatedTime: now,
  };
}

describe('unique MRNs', () => {
  test('hold for patients who were there before', async () => {
    answered(await add('M-1'));
    answered(await add());
    answered(await setMrn(true));
    expect(statusOf(await add('M-1'))).toBe(400);
    expect(statusOf(await add('M-2'))).toBe(200);
    answered(await setMrn(false));
    expect(statusOf(await add('M-1'))).toBe(200);
  });

  test('cannot be demanded while patients share one; the settings stay as they are, and no MRN is told', async () => {
    answered(await add('SHARED-1'));
    answered(await add('SHARED-1'));
    const refused = await setMrn(true);
    expect(statusOf(refused)).toBe(422);
    expect(JSON.stringify(refused.error)).not.toContain('SHARED');
    expect(statusOf(await api.GET('/v1/clinics/{clinicId}/settings/mrn', params()))).toBe(404);
  });

  test('are guarded step by step in a large clinic, also from where a crash left them', async () => {
    const { id } = await newClinic(api, { country: 'AU' });
    const clinicId = objectId(id);
    const { connection, models } = harness;
    const patients = Array.from({ length: 450 }, (_, i) => patientOf(clinicId, `L-${i}`));
    await models.patients.collection.insertMany(patients);
    await models.clinics.updateOne({ _id: clinicId }, { $set: { guardsMrns: true } }); // a first attempt that was cut off
    for (const { _id, mrn = '' } of patients.slice(0, 100))
      await models.patients.updateOne({ _id }, { $set: { uniqueMrn: mrn } });
    await repairCounts({ connection, models, isDemo: () => false }, clinicId);
    const at = { params: { path: { clinicId: id } } };
    const newOne = (mrn: string) =>
      api.POST('/v1/clinics/{clinicId}/patients', {
        ...at,
        body: { fullName: 'P', birthDate: '1990-01-01', mrn } as never,
      }); // read-only fields are not sent
    const set = (unique: boolean) =>
      service.PUT('/v1/clinics/{clinicId}/settings/mrn', { ...at, body: { required: false, unique } });
    answered(await set(true));
    expect(await models.patients.countDocuments({ clinicId, uniqueMrn: { $exists: true } })).toBe(450);
    expect(statusOf(await newOne('L-449'))).toBe(400);
    answered(await set(false));
    expect(await models.patients.countDocuments({ clinicId, uniqueMrn: { $exists: true } })).toBe(0);
    expect(statusOf(await newOne('L-449'))).toBe(200);
    expect(statusOf(await set(true))).toBe(422);
  });

  test('hold for patients who are added at the moment that they are demanded', async () => {
    for (let round = 0; round < 5; round++) {
      const mrn = `R-${round}`;
      const answers = await Promise.all([add(mrn), setMrn(true), add(mrn)]);
      const added = answers.filter(({ response }) => response.url.endsWith('/patients') && response.ok).length;
      const unique = (await service.GET('/v1/clinics/{clinicId}/settings/mrn', params())).data?.unique;
      // Either the demand came first or it was refused because both were there.
      if (unique) {
        expect(added).toBe(1);
        expect(statusOf(await add(mrn))).toBe(400);
      } else expect(added).toBe(2);
      answered(await setMrn(false));
      await harness.models.patients.deleteMany({ mrn });
    }
  });
});

describe('the limit on patients', () => {
  test('holds when the last place is raced for', async () => {
    answered(await setLimits({ hardLimit: { plan: 3 } }));
    const answers = await Promise.all(Array.from({ length: 8 }, () => add()));
    expect(statuses(answers)).toEqual([200, 200, 200, 402, 402, 402, 402, 402]);
    expect(await plan()).toBe(3);
  });

  test('does not bind who pays, and binds again who no longer does', async () => {
    expect(await limits()).toEqual({ hardLimit: { plan: 250 } });
    answered(await setLimits({ hardLimit: { plan: 0 }, softLimit: { plan: 0, startDate: '2030-01-01T00:00:00Z' } }));
    expect(statusOf(await add())).toBe(402);
    answered(await setTier('tier0200'));
    expect(await limits()).toEqual({});
    expect(statusOf(await add())).toBe(200);
    answered(await setTier('tier0100'));
    expect(await limits()).toEqual({
      hardLimit: { plan: 0 },
      softLimit: { plan: 0, startDate: '2030-01-01T00:00:00Z' },
    });
    expect(statusOf(await add())).toBe(402);
  });

  test('has its time', async () => {
    answered(await setLimits({ hardLimit: { plan: 0, endDate: '2020-01-01T00:00:00Z' } }));
    expect(statusOf(await add())).toBe(200);
    answered(await setLimits({ hardLimit: { plan: 0, startDate: '2999-01-01T00:00:00Z' } }));
    expect(statusOf(await add())).toBe(200);
    expect(statusOf(await setLimits({ hardLimit: { plan: -1 } }))).toBe(400);
    expect(
      statusOf(
        await setLimits({ softLimit: { plan: 1, startDate: '2030-01-01T00:00:00Z', endDate: '2029-01-01T00:00:00Z' } }),
      ),
    ).toBe(400);
  });
});

test('membership restrictions are replaced as a whole, and cleared by nothing', async () => {
  const set = async (body: object) =>
    answered(await service.PUT('/v1/clinics/{clinicId}/membership_restrictions', { ...params(), body }));
  const restrictions = [{ emailDomain: 'a.example', requiredIdp: 'sso' }, { emailDomain: 'b.example' }];
  expect(await set({ restrictions })).toEqual({ restrictions });
  expect(await set({ restrictions: restrictions.slice(1) })).toEqual({ restrictions: restrictions.slice(1) });
  expect(await set({})).toEqual({});
});

test('what is set for a clinic that does not exist is answered with 404', async () => {
  const unknown = { params: { path: { clinicId: '0'.repeat(24) } } };
  const tries = await Promise.all([
    service.GET('/v1/clinics/{clinicId}/settings/mrn', unknown),
    service.PUT('/v1/clinics/{clinicId}/settings/mrn', { ...unknown, body: { required: true, unique: true } }),
    service.GET('/v1/clinics/{clinicId}/settings/patient_count', unknown),
    service.PUT('/v1/clinics/{clinicId}/settings/patient_count', { ...unknown, body: {} }),
    service.GET('/v1/clinics/{clinicId}/settings/ehr', unknown),
    service.GET('/v1/clinics/{clinicId}/membership_restrictions', unknown),
    service.GET('/v1/clinics/{clinicId}/patient_count', unknown),
    service.POST('/v1/clinics/{clinicId}/patient_count/refresh', unknown),
  ]);
  expect(tries.map(statusOf)).toEqual(tries.map(() => 404));
});
