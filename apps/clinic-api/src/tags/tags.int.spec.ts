import { newObjectId } from '@caregate/clinic-model';
import type { ClinicClient } from '@caregate/contracts';
import { answered, type Harness, newClinic, startHarness, statusOf } from '../../test/harness.ts';

let harness: Harness;
let api: ClinicClient;
let clinicId: string;
beforeAll(async () => void (harness = await startHarness()));
beforeEach(async () => {
  api = harness.newUser().api;
  clinicId = (await newClinic(api, { country: 'AU' })).id;
});
afterAll(() => harness.close());

const create = (name: string) =>
  api.POST('/v1/clinics/{clinicId}/patient_tags', { params: { path: { clinicId } }, body: { name } });
const tagPath = (patientTagId: string) => ({ params: { path: { clinicId, patientTagId } } });
const rename = (id: string, name: string) =>
  api.PUT('/v1/clinics/{clinicId}/patient_tags/{patientTagId}', { ...tagPath(id), body: { name } });
const remove = (id: string) => api.DELETE('/v1/clinics/{clinicId}/patient_tags/{patientTagId}', tagPath(id));
const assign = (id: string, body?: string[]) =>
  api.POST('/v1/clinics/{clinicId}/patients/assign_tag/{patientTagId}', { ...tagPath(id), body: body ?? null });
const takeFrom = (id: string, body?: string[]) =>
  api.POST('/v1/clinics/{clinicId}/patients/delete_tag/{patientTagId}', { ...tagPath(id), body: body ?? null });
const clinic = async () => answered(await api.GET('/v1/clinics/{clinicId}', { params: { path: { clinicId } } }));
const newPatient = async (tags: string[] = []) =>
  answered(
    await api.POST('/v1/clinics/{clinicId}/patients', {
      params: { path: { clinicId } },
      body: { fullName: 'Pat', birthDate: '1990-01-01', tags },
    }),
  ).id;
const tagsOf = async (patientId: string) =>
  answered(await api.GET('/v1/clinics/{clinicId}/patients/{patientId}', { params: { path: { clinicId, patientId } } }))
    .tags ?? [];
const statuses = (answers: { response: Response }[]) => answers.map(statusOf).sort();

test('of parallel creations of one name, one succeeds', async () => {
  const answers = await Promise.all(['High Risk', 'high risk', 'HIGHRISK', 'High  Risk'].map(create));
  expect(statuses(answers)).toEqual([200, 409, 409, 409]);
  expect((await clinic()).patientTags).toHaveLength(1);
});

test('there are never more than fifty, however many are made at once', async () => {
  const tags = Array.from({ length: 47 }, (_, i) => ({ _id: newObjectId(), name: `Tag ${i}` }));
  await harness.models.clinics.updateOne({ _id: tags[0] && (await idOfClinic()) }, { $set: { patientTags: tags } });
  const answers = await Promise.all(Array.from({ length: 6 }, (_, i) => create(`New ${i}`)));
  expect(statuses(answers)).toEqual([200, 200, 200, 422, 422, 422]);
  expect((await clinic()).patientTags).toHaveLength(50);
});

test('parallel renames to one name leave it with one tag', async () => {
  const ids = await Promise.all(['A', 'B', 'C'].map(async (name) => answered(await create(name)).id));
  expect(statuses(await Promise.all(ids.map((id) => rename(id, 'Same'))))).toEqual([200, 409, 409]);
  expect((await clinic()).patientTags?.filter(({ name }) => name === 'Same')).toHaveLength(1);
});

test('an unknown tag cannot be renamed or assigned; a name loses its outer spaces', async () => {
  const unknown = '0'.repeat(24);
  expect(statusOf(await rename(unknown, 'X'))).toBe(404);
  expect(statusOf(await assign(unknown))).toBe(404);
  expect(answered(await create('Padded  ')).name).toBe('Padded');
});

test('the number of patients follows assignments, removals and patients that come and go', async () => {
  const tag = answered(await create('Watch')).id;
  const count = async () => (await clinic()).patientTags?.[0]?.numPatients;
  const [one, two] = [await newPatient([tag]), await newPatient()];
  expect(await count()).toBe(1);
  answered(await assign(tag, [one, two, 'aaaaaaaaaa']));
  expect(await count()).toBe(2);
  expect(await tagsOf(two)).toEqual([tag]);
  answered(await takeFrom(tag, [one]));
  expect(await count()).toBe(1);
  answered(await assign(tag));
  expect(await count()).toBe(2);
  answered(
    await api.DELETE('/v1/clinics/{clinicId}/patients/{patientId}', { params: { path: { clinicId, patientId: one } } }),
  );
  expect(await count()).toBe(1);
  answered(await takeFrom(tag));
  expect(await count()).toBeUndefined();
  expect(answered(await rename(tag, 'Watch closely'))).toEqual({ id: tag, name: 'Watch closely' });
});

test('a deleted tag is gone from the clinic at once, and can still be taken from its patients', async () => {
  const tag = answered(await create('Going')).id;
  const patient = await newPatient([tag]);
  expect(statusOf(await remove(tag))).toBe(204);
  expect(statusOf(await remove(tag))).toBe(204);
  expect((await clinic()).patientTags).toBeUndefined();
  const { lastDeletedPatientTag } = (await harness.models.clinics.findById(await idOfClinic()).lean()) ?? {};
  expect(lastDeletedPatientTag?._id.toHexString()).toBe(tag);
  answered(await takeFrom(tag));
  expect(await tagsOf(patient)).toEqual([]);
  expect(statusOf(await create('Going'))).toBe(200);
});

test('a patient who is added while a tag is deleted does not come to carry it unnoticed', async () => {
  for (let round = 0; round < 5; round++) {
    const tag = answered(await create(`Round ${round}`)).id;
    const [added] = await Promise.all([
      api.POST('/v1/clinics/{clinicId}/patients', {
        params: { path: { clinicId } },
        body: { fullName: 'Pat', birthDate: '1990-01-01', tags: [tag] },
      }),
      remove(tag),
    ]);
    if (!added.response.ok) continue; // it came second, and was told
    // It came first; then what the worker does on the deletion reaches it.
    answered(await takeFrom(tag));
    expect(await tagsOf(added.data?.id ?? '')).toEqual([]);
  }
  const { total } = answered(await api.GET('/v1/clinics/{clinicId}/patient_count', { params: { path: { clinicId } } }));
  expect(await harness.models.patients.countDocuments({ clinicId: await idOfClinic() })).toBe(total);
});

const idOfClinic = async () =>
  (await harness.models.clinics.findOne({ canonicalShareCode: (await clinic()).shareCode }).lean())?._id;
