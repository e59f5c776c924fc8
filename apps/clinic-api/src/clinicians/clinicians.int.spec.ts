import type { ClinicClient } from '@caregate/contracts';
import { answered, type Harness, newClinic, startHarness, statusOf } from '../../test/harness.ts';
import { newUserId } from '../../test/identity-server.ts';

type Role = 'CLINIC_ADMIN' | 'CLINIC_MEMBER' | 'PRESCRIBER';
const CLINICIANS = '/v1/clinics/{clinicId}/clinicians';
const CLINICIAN = '/v1/clinics/{clinicId}/clinicians/{clinicianId}';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(() => harness.close());

/** A clinic with so many admins; the first made it. */
async function clinicOf(admins: number) {
  const people = Array.from({ length: admins }, () => harness.newUser());
  const [first] = people;
  if (!first) throw new Error('a clinic has an admin');
  const { id: clinicId } = await newClinic(first.api);
  for (const { userId } of people.slice(1)) await add(clinicId, userId, ['CLINIC_ADMIN']);
  return { clinicId, people, first };
}

const create = (
  clinicId: string,
  body: { id?: string; inviteId?: string; email: string; name?: string; roles: Role[] },
) => harness.asService().POST(CLINICIANS, { params: { path: { clinicId } }, body });
const add = async (clinicId: string, id: string, roles: Role[] = ['CLINIC_MEMBER'], email = `${id}@example.test`) =>
  answered(await create(clinicId, { id, email, roles }));
const list = async (clinicId: string, query: object = {}) =>
  answered(await harness.asService().GET(CLINICIANS, { params: { path: { clinicId }, query } }));
const update = (api: ClinicClient, clinicId: string, clinicianId: string, roles: Role[], name?: string) =>
  api.PUT(CLINICIAN, {
    params: { path: { clinicId, clinicianId } },
    body: { email: 'of@no.importance', roles, ...(name && { name }) },
  });
const remove = (api: ClinicClient, clinicId: string, clinicianId: string) =>
  api.DELETE(CLINICIAN, { params: { path: { clinicId, clinicianId } } });
const admins = async (clinicId: string) => (await list(clinicId, { role: 'CLINIC_ADMIN' })).map(({ id }) => id).sort();
const adminsOfClinic = async (clinicId: string) =>
  [...((await harness.models.clinics.findById(clinicId).lean())?.admins ?? [])].sort();

describe('the last admin', () => {
  test('can be neither demoted nor removed', async () => {
    const { clinicId, first } = await clinicOf(1);
    expect(statusOf(await update(first.api, clinicId, first.userId, ['CLINIC_MEMBER']))).toBe(422);
    expect(statusOf(await remove(first.api, clinicId, first.userId))).toBe(422);
    expect(await admins(clinicId)).toEqual([first.userId]);
  });

  test('is left when all admins go at once, by whatever way', async () => {
    const { clinicId, people } = await clinicOf(6);
    const answers = await Promise.all(
      people.map(({ api, userId }, i) =>
        i % 2 === 0 ? remove(api, clinicId, userId) : update(harness.asService(), clinicId, userId, ['CLINIC_MEMBER']),
      ),
    );
    expect(answers.map(statusOf).sort()).toEqual([200, 200, 200, 200, 200, 422]);
    expect(await admins(clinicId)).toHaveLength(1);
    expect(await adminsOfClinic(clinicId)).toEqual(await admins(clinicId));
  });

  test('is left when two admins demote each other at once', async () => {
    for (let round = 0; round < 5; round++) {
      const { clinicId, people } = await clinicOf(2);
      const [one, other] = people.map((person) => person);
      if (!one || !other) throw new Error('there are two');
      const answers = await Promise.all([
        update(one.api, clinicId, other.userId, ['CLINIC_MEMBER']),
        update(other.api, clinicId, one.userId, ['CLINIC_MEMBER']),
      ]);
      expect(answers.map(statusOf).filter((status) => status === 200)).toHaveLength(1);
      expect(await admins(clinicId)).toHaveLength(1);
    }
  });
});

describe('an email', () => {
  test('is one clinician’s of a clinic, in whatever case, however many ask for it at once', async () => {
    const { clinicId } = await clinicOf(1);
    const emails = ['Mia@Harbour.example', 'mia@harbour.example', 'MIA@HARBOUR.EXAMPLE', 'mia@Harbour.Example'];
    const answers = await Promise.all(
      emails.map((email) => create(clinicId, { id: newUserId(), email, roles: ['CLINIC_MEMBER'] })),
    );
    expect(answers.map(statusOf).sort()).toEqual([200, 409, 409, 409]);
    expect(await list(clinicId, { email: 'MIA@harbour.example' })).toMatchObject([{ email: 'mia@harbour.example' }]);
  });

  test('can be one clinician’s in each of two clinics', async () => {
    const [one, two] = await Promise.all([clinicOf(1), clinicOf(1)]);
    const id = newUserId();
    await add(one.clinicId, id);
    await add(two.clinicId, id);
  });
});

test('a user is a clinician of a clinic once, however often they are added at once', async () => {
  const { clinicId } = await clinicOf(1);
  const id = newUserId();
  const answers = await Promise.all(
    [1, 2, 3, 4].map((i) => create(clinicId, { id, email: `${i}.${id}@example.test`, roles: ['CLINIC_MEMBER'] })),
  );
  expect(answers.map(statusOf).sort()).toEqual([200, 409, 409, 409]);
});

test('a clinician is a member or an invite, not both and not neither', async () => {
  const { clinicId } = await clinicOf(1);
  const fields = { email: 'who@example.test', roles: ['CLINIC_MEMBER' as const] };
  expect(statusOf(await create(clinicId, fields))).toBe(400);
  expect(statusOf(await create(clinicId, { ...fields, id: newUserId(), inviteId: 'x' }))).toBe(400);
  expect(statusOf(await create(clinicId, { ...fields, inviteId: '' }))).toBe(400);
});

test('a clinician has an email', async () => {
  const { clinicId } = await clinicOf(1);
  for (const email of ['', 'nope', 'a@']) {
    expect(statusOf(await create(clinicId, { id: newUserId(), email, roles: ['CLINIC_MEMBER'] }))).toBe(400);
  }
});

test('who changed roles to what is kept, and only changes of roles are', async () => {
  const { clinicId, first } = await clinicOf(1);
  const mia = harness.newUser();
  await add(clinicId, mia.userId, ['CLINIC_MEMBER', 'PRESCRIBER']);
  answered(await update(first.api, clinicId, mia.userId, ['PRESCRIBER', 'CLINIC_MEMBER'], 'Mia'));
  answered(await update(first.api, clinicId, mia.userId, ['CLINIC_ADMIN'], 'Mia'));
  answered(await update(harness.asService('ops'), clinicId, mia.userId, ['CLINIC_MEMBER'], 'Mia'));
  const kept = await harness.models.clinicians.findOne({ userId: mia.userId }).lean();
  expect(kept?.rolesUpdates).toEqual([
    { id: expect.any(String), roles: ['CLINIC_ADMIN'], updatedBy: first.userId, time: expect.any(Date) },
    { id: expect.any(String), roles: ['CLINIC_MEMBER'], updatedBy: 'service:ops', time: expect.any(Date) },
  ]);
  expect(await adminsOfClinic(clinicId)).toEqual([first.userId]);
});

test('however often roles change, the newest changes are kept and a clinician does not grow', async () => {
  const { clinicId, first } = await clinicOf(1);
  const mia = harness.newUser();
  await add(clinicId, mia.userId, ['CLINIC_MEMBER']);
  for (let n = 0; n < 205; n++)
    answered(await update(first.api, clinicId, mia.userId, n % 2 === 0 ? ['CLINIC_ADMIN'] : ['CLINIC_MEMBER'], 'Mia'));
  const kept = await harness.models.clinicians.findOne({ userId: mia.userId }).lean();
  expect(kept?.rolesUpdates).toHaveLength(200);
  expect(kept?.rolesUpdates.at(-1)?.roles).toEqual(['CLINIC_ADMIN']);
  expect(new Set(kept?.rolesUpdates.map(({ id }) => id)).size).toBe(200);
});

test('a search finds a part of name or email, literally and in any case, newest first', async () => {
  const { clinicId } = await clinicOf(1);
  const people = ['Ana (Lab)', 'Banana', 'ANA.LAB', 'Zoë'].map((name, i) => ({
    name,
    id: newUserId(),
    email: `p${i}.x@example.test`,
  }));
  for (const person of people) answered(await create(clinicId, { ...person, roles: ['CLINIC_MEMBER'] }));
  const found = async (search: string) => (await list(clinicId, { search })).map(({ name }) => name);
  expect(await found('ana')).toEqual(['ANA.LAB', 'Banana', 'Ana (Lab)']);
  expect(await found('(lab)')).toEqual(['Ana (Lab)']);
  expect(await found('ana.l')).toEqual(['ANA.LAB']);
  expect(await found('ZOË')).toEqual(['Zoë']);
  expect(await found('P2.X@')).toEqual(['ANA.LAB']);
  expect(await found('.*')).toEqual([]);
  expect(await list(clinicId, { role: 'NO_ROLE' })).toEqual([]);
});

test('who is removed leaves a tombstone and can be added again', async () => {
  const { clinicId, first } = await clinicOf(1);
  const mia = harness.newUser();
  await add(clinicId, mia.userId);
  answered(await remove(mia.api, clinicId, mia.userId));
  expect(await harness.models.clinicianArchives.countDocuments({ userId: mia.userId, deletedBy: mia.userId })).toBe(1);
  expect(statusOf(await remove(first.api, clinicId, mia.userId))).toBe(404);
  await add(clinicId, mia.userId);
});

describe('a service account', () => {
  const join = (clinicId: string, client_secret: string, client_id: string = newUserId()) =>
    harness.asService().POST('/v1/clinics/{clinicId}/service_accounts', {
      params: { path: { clinicId } },
      body: { name: 'Bridge', client_id, client_secret },
    });

  test('becomes a member without an email', async () => {
    const { clinicId } = await clinicOf(1);
    const id = newUserId();
    expect(answered(await join(clinicId, 'good-secret', id))).toMatchObject({
      id,
      name: 'Bridge',
      email: '',
      roles: ['CLINIC_MEMBER'],
    });
    expect(statusOf(await join(clinicId, 'good-secret', id))).toBe(409);
    answered(await join(clinicId, 'good-secret')); // a second account without an email is no duplicate
    expect(await harness.models.clinicians.countDocuments({ userId: id, isServiceAccount: true })).toBe(1);
    expect((await harness.asUser(id).GET(CLINICIANS, { params: { path: { clinicId } } })).response.status).toBe(200);
  });

  test('whose secret is refused does not', async () => {
    const { clinicId } = await clinicOf(1);
    expect(statusOf(await join(clinicId, 'bad'))).toBe(422);
    expect(await list(clinicId)).toHaveLength(1);
  });

  test('of an unknown clinic is refused', async () => {
    expect(statusOf(await join('f'.repeat(24), 'good-secret'))).toBe(404);
  });
});

test('a user’s clinics come newest membership first, page by page', async () => {
  const mia = harness.newUser();
  const clinics = [await clinicOf(1), await clinicOf(1), await clinicOf(1)];
  for (const { clinicId } of clinics) await add(clinicId, mia.userId);
  const page = async (query: object) => {
    const found = answered(
      await mia.api.GET('/v1/clinicians/{userId}/clinics', { params: { path: { userId: mia.userId }, query } }),
    );
    return found.map(({ clinic, clinician }) => [clinic.id, clinician.id]);
  };
  const expected = clinics.map(({ clinicId }) => [clinicId, mia.userId]).reverse();
  expect(await page({})).toEqual(expected);
  expect(await page({ offset: 1, limit: 1 })).toEqual(expected.slice(1, 2));
});

test('all clinicians are listed by time of creation, for services only', async () => {
  const start = new Date().toISOString();
  const { clinicId, first } = await clinicOf(1);
  const query = { createdTimeStart: start, limit: 100 };
  const found = answered(await harness.asService().GET('/v1/clinicians', { params: { query } }));
  expect(found.map(({ clinician, clinic }) => [clinician.id, clinic.id])).toContainEqual([first.userId, clinicId]);
  expect(
    answered(
      await harness
        .asService()
        .GET('/v1/clinicians', { params: { query: { createdTimeEnd: '2000-01-01T00:00:00Z' } } }),
    ),
  ).toEqual([]);
  expect(statusOf(await first.api.GET('/v1/clinicians', { params: { query } }))).toBe(403);
});
