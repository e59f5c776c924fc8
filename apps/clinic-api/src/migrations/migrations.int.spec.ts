import { answered, type Harness, startHarness, statusOf } from '../../test/harness.ts';
import { newUserId } from '../../test/identity-server.ts';

const PROFILE = {
  name: 'Old Clinic',
  preferredBgUnits: 'mg/dL' as const,
  address: '2 Side St',
  city: 'Reno',
  state: 'NV',
  country: 'US',
  postalCode: '89501',
  clinicType: 'other' as const,
};

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(() => harness.close());

async function legacyClinic() {
  const legacy = harness.newUser({ roles: ['clinic'] });
  const path = { userId: legacy.userId };
  const { id: clinicId } = answered(
    await harness.asService().POST('/v1/clinicians/{userId}/migrate', { params: { path } }),
  );
  answered(await legacy.api.PUT('/v1/clinics/{clinicId}', { params: { path: { clinicId } }, body: PROFILE }));
  const trigger = () =>
    legacy.api.POST('/v1/clinics/{clinicId}/migrate', {
      params: { path: { clinicId } },
      body: { attestationSubmitted: true },
    });
  return { legacy, clinicId, trigger };
}

const later = (clinicId: string, userId: string) =>
  harness.asService().POST('/v1/clinics/{clinicId}/migrations', { params: { path: { clinicId } }, body: { userId } });
const addClinician = async (clinicId: string, id: string) =>
  answered(
    await harness.asService().POST('/v1/clinics/{clinicId}/clinicians', {
      params: { path: { clinicId } },
      body: { id, email: `${id}@example.test`, roles: ['CLINIC_MEMBER'] },
    }),
  );

test('a clinic migrates once, however often it is asked at once, and keeps when it attested', async () => {
  const { clinicId, trigger, legacy } = await legacyClinic();
  const answers = await Promise.all([1, 2, 3, 4].map(trigger));
  expect(answers.map(statusOf).sort()).toEqual([200, 422, 422, 422]);
  const kept = await harness.models.migrations.find({ userId: legacy.userId }).lean();
  expect(kept).toMatchObject([{ status: 'PENDING', attestationTime: expect.any(Date) }]);
  expect(kept.map((migration) => migration.clinicId.toHexString())).toEqual([clinicId]);
});

test('a clinic can be made for legacy accounts only', async () => {
  const enable = (userId: string) =>
    harness.asService().POST('/v1/clinicians/{userId}/migrate', { params: { path: { userId } } });
  expect(statusOf(await enable(harness.newUser({ roles: ['clinician'] }).userId))).toBe(422);
  expect(statusOf(await enable('0000000000'))).toBe(404);
});

test('a legacy account migrates into one clinic, once', async () => {
  const [one, two] = [await legacyClinic(), await legacyClinic()];
  for (const { trigger } of [one, two]) answered(await trigger());
  const second = harness.newUser({ roles: ['clinic'] });
  for (const { clinicId } of [one, two]) await addClinician(clinicId, second.userId);
  const answers = await Promise.all([one, one, two].map(({ clinicId }) => later(clinicId, second.userId)));
  expect(answers.map(statusOf).sort()).toEqual([200, 409, 409]);
});

test('a clinic without migrations has an empty list', async () => {
  const { clinicId, legacy } = await legacyClinic();
  expect(
    answered(await legacy.api.GET('/v1/clinics/{clinicId}/migrations', { params: { path: { clinicId } } })),
  ).toEqual([]);
});

test('how far a migration is, is told to clinicians of the clinic; clients of the public service see what they know', async () => {
  const { clinicId, legacy, trigger } = await legacyClinic();
  answered(await trigger());
  const path = { clinicId, userId: legacy.userId };
  const progress = () =>
    harness
      .account({ token: `user:${legacy.userId}` })
      .GET('/caregate/v1/clinics/{clinicId}/migrations/{userId}', { params: { path } });
  const before = answered(await progress());
  expect(before).toMatchObject({ userId: legacy.userId, status: 'PENDING', done: 0, skipped: [] });
  expect(before).not.toHaveProperty('total');
  const skipped = [{ userId: newUserId(), reason: 'the user is gone' }];
  await harness.models.migrations.collection.updateOne(
    { userId: legacy.userId },
    { $set: { status: 'RUNNING', progress: { total: 120, done: 57, skipped } } }, // as the worker does
  );
  expect(answered(await progress())).toMatchObject({ status: 'RUNNING', total: 120, done: 57, skipped });
  const known = answered(await legacy.api.GET('/v1/clinics/{clinicId}/migrations/{userId}', { params: { path } }));
  expect(Object.keys(known).sort()).toEqual(['createdTime', 'status', 'updatedTime', 'userId']);
  const nobodys = { clinicId, userId: newUserId() };
  const unknown = await harness
    .account({ token: 'server:ops' })
    .GET('/caregate/v1/clinics/{clinicId}/migrations/{userId}', { params: { path: nobodys } });
  expect(statusOf(unknown)).toBe(404);
});

test('no clinician is added, changed, invited or removed before the migration', async () => {
  const { clinicId, legacy } = await legacyClinic();
  const path = { clinicId };
  const email = 'mia@example.test';
  const roles = ['CLINIC_MEMBER' as const];
  const one = { clinicId, clinicianId: legacy.userId };
  const answers = [
    await harness
      .asService()
      .POST('/v1/clinics/{clinicId}/clinicians', { params: { path }, body: { inviteId: 'x', email, roles } }),
    await legacy.api.POST('/v1/clinics/{clinicId}/invites/clinicians', { params: { path }, body: { email, roles } }),
    await legacy.api.PUT('/v1/clinics/{clinicId}/clinicians/{clinicianId}', {
      params: { path: one },
      body: { email, roles },
    }),
    await legacy.api.DELETE('/v1/clinics/{clinicId}/clinicians/{clinicianId}', { params: { path: one } }),
    await later(clinicId, legacy.userId),
  ];
  expect(answers.map(statusOf)).toEqual([422, 422, 422, 422, 422]);
});
