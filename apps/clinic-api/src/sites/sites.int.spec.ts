import { checkCounts, newObjectId, objectId } from '@caregate/clinic-model';
import type { ClinicClient } from '@caregate/contracts';
import { answered, type Harness, newClinic, startHarness, statusOf } from '../../test/harness.ts';

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
  clinicId = (await newClinic(api, { country: 'AU' })).id;
});
afterAll(() => harness.close());

interface Named {
  id: string;
  name: string;
}
const params = () => ({ params: { path: { clinicId } } });
const at = (siteId: string) => ({ params: { path: { clinicId, siteId } } });
const tryCreate = (name: string) => api.POST('/v1/clinics/{clinicId}/sites', { ...params(), body: { name } });
const create = async (name: string) => answered(await tryCreate(name));
const rename = ({ id }: { id: string }, name: string) =>
  api.PUT('/v1/clinics/{clinicId}/sites/{siteId}', { ...at(id), body: { id, name } });
const remove = (id: string) => api.DELETE('/v1/clinics/{clinicId}/sites/{siteId}', at(id));
const merge = (into: string, id: string) =>
  service.POST('/v1/clinics/{clinicId}/sites/{siteId}/merge', { ...at(into), body: { id } });
const convert = (patientTagId: string) =>
  service.POST('/v1/clinics/{clinicId}/patient_tags/{patientTagId}/site', {
    params: { path: { clinicId, patientTagId } },
  });
const createTag = async (name: string) =>
  answered(await api.POST('/v1/clinics/{clinicId}/patient_tags', { ...params(), body: { name } }));
const clinic = async () => answered(await api.GET('/v1/clinics/{clinicId}', params()));
const tryAdd = (sites: Named[], tags: string[] = []) =>
  api.POST('/v1/clinics/{clinicId}/patients', {
    ...params(),
    body: { fullName: 'Pat', birthDate: '1990-01-01', sites, tags },
  });
const add = async (sites: Named[], tags: string[] = []) => answered(await tryAdd(sites, tags)).id;
const sitesOf = async (patientId: string) =>
  answered(await api.GET('/v1/clinics/{clinicId}/patients/{patientId}', { params: { path: { clinicId, patientId } } }))
    .sites;
const statuses = (answers: { response: Response }[]) => answers.map(statusOf).sort();
const drift = () => {
  const { connection, models } = harness;
  return checkCounts({ connection, models, isDemo: () => false }, objectId(clinicId));
};

test('of parallel creations of one name, one succeeds; and there are never more than fifty', async () => {
  expect(statuses(await Promise.all(['East', 'EAST', 'east'].map(tryCreate)))).toEqual([200, 409, 409]);
  const sites = Array.from({ length: 48 }, (_, i) => ({ _id: newObjectId(), name: `Site ${i}` }));
  await harness.models.clinics.updateOne({ _id: objectId(clinicId) }, { $set: { sites } });
  expect(statuses(await Promise.all(['A', 'B', 'C', 'D'].map(tryCreate)))).toEqual([200, 200, 422, 422]);
});

test('a new name reaches the patients of the site', async () => {
  const [site, other] = [await create('East'), await create('West')];
  const patient = await add([site, other]);
  expect(answered(await rename(site, 'Far East'))).toEqual({ id: site.id, name: 'Far East', patients: 1 });
  expect(await sitesOf(patient)).toEqual([{ id: site.id, name: 'Far East' }, other]);
  expect(statusOf(await rename(site, 'WEST'))).toBe(409);
  expect(statusOf(await rename(site, 'far east'))).toBe(200);
  expect(statusOf(await rename({ id: '0'.repeat(24) }, 'Nowhere'))).toBe(422);
});

test('a deleted site is gone from its patients, and from the counts', async () => {
  const [site, other] = [await create('East'), await create('West')];
  const patient = await add([site, other]);
  expect((await clinic()).sites).toMatchObject([
    { name: 'East', numPatients: 1 },
    { name: 'West', numPatients: 1 },
  ]);
  expect(statusOf(await remove(site.id))).toBe(204);
  expect(await sitesOf(patient)).toEqual([other]);
  expect((await clinic()).sites).toEqual([{ ...other, numPatients: 1 }]);
  expect(statusOf(await remove(site.id))).toBe(404);
  expect(await drift()).toEqual([]);
});

test('merged sites have the patients of both, each once', async () => {
  const [target, source] = [await create('Target'), await create('Source')];
  const [inSource, inBoth, inTarget] = [await add([source]), await add([source, target]), await add([target])];
  expect(statusOf(await merge(target.id, target.id))).toBe(400);
  expect(statusOf(await merge(target.id, '0'.repeat(24)))).toBe(404);
  expect(statusOf(await merge('0'.repeat(24), source.id))).toBe(404);
  expect(answered(await merge(target.id, source.id))).toEqual({ ...target, patients: 3 });
  for (const patient of [inSource, inBoth, inTarget]) expect(await sitesOf(patient)).toEqual([target]);
  expect((await clinic()).sites).toEqual([{ ...target, numPatients: 3 }]);
  expect(await drift()).toEqual([]);
});

test('a tag becomes a site, under another name when its own is taken, and not in a clinic that is full', async () => {
  const site = await create('Ward');
  const tag = await createTag('ward');
  const [tagged, other] = [await add([site], [tag.id]), await add([site])];
  const converted = answered(await convert(tag.id));
  expect(converted).toEqual({ id: expect.any(String), name: 'ward (2)', patients: 1 });
  expect(await sitesOf(tagged)).toEqual([site, { id: converted.id, name: 'ward (2)' }]);
  expect(await sitesOf(other)).toEqual([site]);
  expect((await clinic()).patientTags).toBeUndefined();
  expect(statusOf(await convert(tag.id))).toBe(404);
  expect(await drift()).toEqual([]);
  const sites = Array.from({ length: 50 }, (_, i) => ({ _id: newObjectId(), name: `Site ${i}` }));
  await harness.models.clinics.updateOne({ _id: objectId(clinicId) }, { $set: { sites } });
  expect(statusOf(await convert((await createTag('Last')).id))).toBe(409);
});

test('while patients come, a rename misses none of them, and the counts stay true through merges and deletions', async () => {
  const [a, b, c] = [await create('A'), await create('B'), await create('C')];
  const coming = Array.from({ length: 24 }, (_, i) => tryAdd([[a], [b], [a, c], [b, c]][i % 4] ?? []));
  const changes = [rename(a, 'A renamed'), merge(a.id, b.id), remove(c.id)];
  await Promise.all([...coming, ...changes]);
  expect(statuses(await Promise.all(changes))).toEqual([200, 200, 204]);
  const patients = await harness.models.patients.find({ clinicId: objectId(clinicId) }).lean();
  const names = patients.flatMap(({ sites }) =>
    sites.filter(({ _id }) => _id.toHexString() === a.id).map(({ name }) => name),
  );
  expect(new Set(names)).toEqual(new Set(['A renamed']));
  expect(await drift()).toEqual([]);
});
