import { jest } from '@jest/globals';
import {
  addToCounts,
  checkCounts,
  newObjectId,
  objectId,
  type PatientDocument,
  searchFields,
  writeOnSheets,
} from '@caregate/clinic-model';
import type { ClinicClient } from '@caregate/contracts';
import type { UserId } from '@caregate/identity';
import { inTransaction } from '@caregate/service';
import type { Types } from 'mongoose';
import { newUserId } from '../../test/identity-server.ts';
import { MergeRepository } from './merge.repository.ts';
import type { MergeReport } from './merge-report.ts';
import { answered, type Harness, newClinic, startHarness, statusOf } from '../../test/harness.ts';

const demo = '0123456789';

let harness: Harness;
let service: ClinicClient;
beforeAll(async () => {
  harness = await startHarness({ DEMO_PATIENT_USER_ID: demo });
  harness.identity.addUser({ userId: demo as never, roles: ['patient'], profile: { fullName: 'Demo' } }); // ten hex digits
  service = harness.asService();
});
afterAll(() => harness.close());

const at = (clinicId: string) => ({ params: { path: { clinicId } } });
const clinicOf = async (id: string) => answered(await service.GET('/v1/clinics/{clinicId}', at(id)));
const report = (target: string, sourceId: string) =>
  service.POST('/v1/clinics/{clinicId}/reports/merge', { ...at(target), body: { sourceId } });
const merge = (target: string, sourceId: string) =>
  service.POST('/v1/clinics/{clinicId}/merge', { ...at(target), body: { sourceId } });
const createTag = async (clinic: string, name: string) =>
  answered(await service.POST('/v1/clinics/{clinicId}/patient_tags', { ...at(clinic), body: { name } }));
const createSite = async (clinic: string, name: string) =>
  answered(await service.POST('/v1/clinics/{clinicId}/sites', { ...at(clinic), body: { name } }));
const add = async (clinic: string, given: object) =>
  answered(
    await service.POST('/v1/clinics/{clinicId}/patients', {
      ...at(clinic),
      body: { fullName: 'Pat', birthDate: '1990-01-01', ...given },
    }),
  ).id;
const addUser = async (clinic: string, patientId: string, given: object) =>
  answered(
    await service.POST('/v1/clinics/{clinicId}/patients/{patientId}', {
      params: { path: { clinicId: clinic, patientId } },
      body: { permissions: { view: {} }, ...given },
    }),
  );
const addMember = async (clinic: string, id: string, email: string) =>
  answered(
    await service.POST('/v1/clinics/{clinicId}/clinicians', {
      ...at(clinic),
      body: { id, email, roles: ['CLINIC_MEMBER'] },
    }),
  );
const getPatient = (clinic: string, patientId: string) =>
  service.GET('/v1/clinics/{clinicId}/patients/{patientId}', { params: { path: { clinicId: clinic, patientId } } });
const patient = async (clinic: string, id: string) => answered(await getPatient(clinic, id));
const count = async (clinic: string) => answered(await service.GET('/v1/clinics/{clinicId}/patient_count', at(clinic)));
const drift = (clinic: string) => {
  const { connection, models } = harness;
  return checkCounts({ connection, models, isDemo: (userId) => userId === demo }, objectId(clinic));
};

async function twoClinics() {
  const [ann, bob] = [harness.newUser(), harness.newUser()];
  const source = await newClinic(ann.api, { name: 'Source', country: 'AU' });
  const target = await newClinic(bob.api, { name: 'Target', country: 'AU' });
  return { ann, bob, source, target };
}

test('everything of the source is in the target afterwards, as the report said, and the source is gone', async () => {
  const { ann, bob, source, target } = await twoClinics();
  const both = harness.newUser();
  for (const { id } of [source, target]) await addMember(id, both.userId, both.email ?? '');
  const shared = { source: await createTag(source.id, 'High Risk'), target: await createTag(target.id, 'highrisk') };
  const only = await createTag(source.id, 'Only here');
  const ward = { source: await createSite(source.id, 'Ward'), target: await createSite(target.id, 'ward') };
  const sam = harness.newUser({
    roles: ['patient'],
    profile: { fullName: 'Sam Same', patient: { birthday: '1980-01-01' } },
  });
  await addUser(source.id, sam.userId, { tags: [shared.source.id, only.id], sites: [ward.source] });
  await addUser(target.id, sam.userId, { tags: [shared.target.id] });
  const mover = await add(source.id, {
    fullName: 'Mo Ver',
    tags: [shared.source.id, only.id],
    sites: [ward.source],
    mrn: 'M-1',
  });
  const stayer = await add(target.id, { fullName: 'Mo Ver', tags: [shared.target.id], sites: [ward.target] });

  const told = answered(await report(target.id, source.id)) as MergeReport; // JSON, as nothing else was asked for
  expect(told).toMatchObject({ canMerge: true, problems: [] });
  expect(told.patients).toEqual([
    {
      id: mover,
      fullName: 'Mo Ver',
      birthDate: '1990-01-01',
      mrn: 'M-1',
      from: 'source',
      action: 'MOVE',
      conflicts: [{ kind: 'LIKELY_DUPLICATE', patientId: stayer }],
    },
    expect.objectContaining({
      id: sam.userId,
      from: 'source',
      action: 'MERGE',
      conflicts: [{ kind: 'DUPLICATE_ACCOUNT', patientId: sam.userId }],
    }),
    expect.objectContaining({ id: stayer, from: 'target', action: 'RETAIN' }),
    expect.objectContaining({ id: sam.userId, from: 'target', action: 'MERGE_INTO' }),
  ]);
  expect(statusOf(await getPatient(source.id, mover))).toBe(200);

  expect(statusOf(await merge(target.id, source.id))).toBe(200);

  expect(statusOf(await service.GET('/v1/clinics/{clinicId}', at(source.id)))).toBe(404);
  const merged = await clinicOf(target.id);
  const onlyNow = merged.patientTags?.find(({ name }) => name === 'Only here')?.id ?? '';
  expect(onlyNow).not.toBe(only.id);
  expect(merged.patientTags).toEqual([
    { id: shared.target.id, name: 'highrisk', numPatients: 3 },
    { id: onlyNow, name: 'Only here', numPatients: 2 },
  ]);
  expect(merged.sites).toEqual([
    { ...ward.target, numPatients: 1 },
    { id: ward.source.id, name: 'Ward (2)', numPatients: 2 },
  ]);
  const wardNow = { id: ward.source.id, name: 'Ward (2)' };
  expect(await patient(target.id, mover)).toMatchObject({
    mrn: 'M-1',
    tags: [shared.target.id, onlyNow],
    sites: [wardNow],
  });
  expect(await patient(target.id, sam.userId)).toMatchObject({ tags: [shared.target.id, onlyNow], sites: [wardNow] });
  expect(await count(target.id)).toEqual({ total: 4, demo: 1, plan: 3 });
  expect(await drift(target.id)).toEqual([]);

  const clinicians = answered(await service.GET('/v1/clinics/{clinicId}/clinicians', at(target.id)));
  expect(clinicians.map(({ id }) => id).sort()).toEqual([ann.userId, bob.userId, both.userId].sort());
  const admins = (await harness.models.clinics.findById(objectId(target.id)).lean())?.admins ?? [];
  expect([...admins].sort()).toEqual([ann.userId, bob.userId].sort());
  for (const shareCode of [source.shareCode, target.shareCode]) {
    const found = answered(
      await ann.api.GET('/v1/clinics/share_code/{shareCode}', { params: { path: { shareCode } } }),
    );
    expect(found).toMatchObject({ id: target.id, shareCode: target.shareCode });
  }
  const kept = await harness.models.clinicMerges.findOne({ sourceId: objectId(source.id) }).lean();
  expect(kept).toMatchObject({ state: 'done', patients: 2, merged: 1 });
  expect(await harness.models.patientArchives.collection.countDocuments({ userId: sam.userId })).toBe(1);
});

test('a merge that has problems is refused and changes nothing', async () => {
  const { source, target } = await twoClinics();
  for (const { id } of [source, target]) await add(id, { mrn: 'TAKEN-7' });
  answered(
    await service.PUT('/v1/clinics/{clinicId}/settings/mrn', {
      ...at(target.id),
      body: { required: true, unique: true },
    }),
  );
  expect(answered(await report(target.id, source.id))).toMatchObject({
    canMerge: false,
    problems: [expect.stringMatching('MRN uniqueness')],
  });
  const refused = await merge(target.id, source.id);
  expect(statusOf(refused)).toBe(400);
  expect(JSON.stringify(refused.error)).not.toContain('TAKEN');
  expect(await count(source.id)).toMatchObject({ plan: 1 });
  expect(await count(target.id)).toMatchObject({ plan: 1 });
});

test('unique MRNs hold for those who came', async () => {
  const { source, target } = await twoClinics();
  await add(source.id, { mrn: 'U-1' });
  answered(
    await service.PUT('/v1/clinics/{clinicId}/settings/mrn', {
      ...at(target.id),
      body: { required: true, unique: true },
    }),
  );
  answered(await merge(target.id, source.id));
  const again = await service.POST('/v1/clinics/{clinicId}/patients', {
    ...at(target.id),
    body: { fullName: 'X', birthDate: '1990-01-01', mrn: 'U-1' },
  });
  expect(statusOf(again)).toBe(400);
});

test('a clinic that is not there, or the same, is no partner; and only services may merge', async () => {
  const { ann, source, target } = await twoClinics();
  const unknown = '0'.repeat(24);
  for (const attempt of [report, merge]) {
    expect(statusOf(await attempt(target.id, unknown))).toBe(404);
    expect(statusOf(await attempt(unknown, source.id))).toBe(404);
    expect(statusOf(await attempt(target.id, target.id))).toBe(400);
  }
  expect(
    statusOf(await ann.api.POST('/v1/clinics/{clinicId}/merge', { ...at(source.id), body: { sourceId: target.id } })),
  ).toBe(403);
});

test.each([
  ['application/json, text/csv;q=0.5', 'application/json'],
  ['application/json;q=0.1, TEXT/csv;header=present;q=0.9', 'text/csv'],
  ['text/csv;q=0', 'application/json'],
  ['text/*', 'text/csv'],
  ['*/*', 'application/json'],
  ['image/png', 'application/json'],
])('who accepts %j gets the report as %s', async (accept, type) => {
  const { source, target } = await twoClinics();
  const answer = await harness.send(`/v1/clinics/${target.id}/reports/merge`, {
    method: 'POST',
    token: 'server:test',
    headers: { accept },
    body: JSON.stringify({ sourceId: source.id }),
  });
  expect(answer.headers.get('content-type')?.split(';')[0]).toBe(type);
});

test('the report is a table for those who ask for one', async () => {
  const { source, target } = await twoClinics();
  await add(source.id, { fullName: 'Comma, Carl' });
  const answer = await harness.send(`/v1/clinics/${target.id}/reports/merge`, {
    method: 'POST',
    token: 'server:test',
    headers: { accept: 'text/csv' },
    body: JSON.stringify({ sourceId: source.id }),
  });
  expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8');
  expect(answer.headers.get('content-disposition')).toContain('attachment');
  expect(answer.body).toMatch(/^kind,from,id,/);
  expect(answer.body).toContain('"Comma, Carl"');
});

test('patients who come to either clinic during the merge are in the target or told that their clinic is gone', async () => {
  const { source, target } = await twoClinics();
  const tag = await createTag(source.id, 'Watch');
  const coming = Array.from({ length: 16 }, (_, i) =>
    service.POST('/v1/clinics/{clinicId}/patients', {
      ...at(i % 2 ? source.id : target.id),
      body: { fullName: `P ${i}`, birthDate: '1990-01-01', ...(i % 2 && { tags: [tag.id] }) },
    }),
  );
  const [merged, ...added] = await Promise.all([merge(target.id, source.id), ...coming]);
  expect(statusOf(merged)).toBe(200);
  for (const answer of added) expect([200, 404]).toContain(statusOf(answer));
  const came = added.filter(({ response }) => response.ok).length;
  expect(await count(target.id)).toMatchObject({ plan: came });
  expect(await drift(target.id)).toEqual([]);
  expect(await harness.models.patients.countDocuments({ clinicId: objectId(source.id) })).toBe(0);
});

describe('a large clinic', () => {
  const MANY = 450;

  async function largeSource() {
    const { source, target } = await twoClinics();
    const tag = await createTag(source.id, 'Watch');
    const both = newUserId();
    await addMany(source.id, tag.id, [both, ...Array.from({ length: MANY - 1 }, newUserId)]);
    await addMany(target.id, undefined, [both]);
    return { source, target, both };
  }

  async function addMany(clinic: string, tag: string | undefined, userIds: UserId[]) {
    const { connection, models } = harness;
    const clinicId = objectId(clinic);
    const tags = tag === undefined ? [] : [objectId(tag)];
    await inTransaction(connection, async (session) => {
      const patients = userIds.map((userId) => patientOf(clinicId, userId, tags));
      await models.patients.collection.insertMany(patients, { session });
      await writeOnSheets(models, session, patients, 'all');
      const count = userIds.length;
      await addToCounts(models, session, clinicId, {
        total: count,
        plan: count,
        ...(tag !== undefined && { [`tags.${tag}`]: count }),
      });
    });
  }

  const inClinic = (clinic: string) => harness.models.patients.countDocuments({ clinicId: objectId(clinic) });

  test('moves step by step, and goes on where it stopped when the request is repeated', async () => {
    const { source, target, both } = await largeSource();
    const merges = harness.app.get(MergeRepository);
    let steps = 0;
    const rewrite = merges.rewrite.bind(merges);
    const broken = jest.spyOn(merges, 'rewrite').mockImplementation((...step) => {
      if (++steps === 2) throw new Error('the power went off');
      return rewrite(...step);
    });
    expect(statusOf(await merge(target.id, source.id))).toBe(500);
    broken.mockRestore();

    const [left, come] = [await inClinic(source.id), await inClinic(target.id)];
    expect(left).toBeGreaterThan(1);
    expect(come).toBeGreaterThan(2);
    for (const { id } of [source, target]) expect(await drift(id)).toEqual([]);
    const other = await newClinic(harness.newUser().api, { country: 'AU' });
    expect(statusOf(await merge(other.id, source.id))).toBe(409);
    expect(statusOf(await service.DELETE('/v1/clinics/{clinicId}', at(target.id)))).toBe(400);

    expect(statusOf(await merge(target.id, source.id))).toBe(200);
    expect(await inClinic(source.id)).toBe(0);
    expect(await count(target.id)).toEqual({ total: MANY + 1, demo: 1, plan: MANY });
    expect(await drift(target.id)).toEqual([]);
    expect((await clinicOf(target.id)).patientTags).toMatchObject([{ name: 'Watch', numPatients: MANY }]);
    expect(await patient(target.id, both)).toMatchObject({ id: both });
    expect(statusOf(await merge(target.id, source.id))).toBe(404);
  });

  test('is moved once when the request is sent twice at once', async () => {
    const { source, target } = await largeSource();
    const answers = await Promise.all([merge(target.id, source.id), merge(target.id, source.id)]);
    expect(answers.map(statusOf)).toContain(200);
    for (const answer of answers) expect([200, 404]).toContain(statusOf(answer));
    expect(await count(target.id)).toMatchObject({ plan: MANY });
    expect(await drift(target.id)).toEqual([]);
  });
});

function patientOf(clinicId: Types.ObjectId, userId: UserId, tags: Types.ObjectId[]): PatientDocument {
  const person = { fullName: `P ${userId}`, birthDate: '1990-01-01' };
  const now = new Date();
  return {
    _id: newObjectId(),
    clinicId,
    userId,
    ...person,
    ...searchFields(person),
    permissions: { view: {} },
    tags,
    sites: [],
    createdTime: now,
    updatedTime: now,
  };
}
