import { answered, type Harness, startHarness, statusOf } from '../../test/harness.ts';

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
