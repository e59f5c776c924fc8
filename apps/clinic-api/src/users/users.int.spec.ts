import { answered, type Harness, newClinic, startHarness, statusOf } from '../../test/harness.ts';

const USER_CLINICS = '/v1/users/{userId}/clinics';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(() => harness.close());

const addClinician = async (clinicId: string, id: string, email: string) =>
  answered(
    await harness.asService().POST('/v1/clinics/{clinicId}/clinicians', {
      params: { path: { clinicId } },
      body: { id, email, roles: ['CLINIC_MEMBER'] },
    }),
  );

test('a user who is deleted leaves every clinic, even one that loses its only admin', async () => {
  const ann = harness.newUser();
  const clinics = [await newClinic(ann.api), await newClinic(ann.api)];
  const path = { userId: ann.userId };
  const answers = await Promise.all([1, 2].map(() => harness.asService().DELETE(USER_CLINICS, { params: { path } })));
  expect(answers.map(statusOf)).toEqual([200, 200]);
  for (const { id: clinicId } of clinics) {
    expect(
      answered(await harness.asService().GET('/v1/clinics/{clinicId}/clinicians', { params: { path: { clinicId } } })),
    ).toEqual([]);
    expect((await harness.models.clinics.findById(clinicId).lean())?.admins).toEqual([]);
  }
  expect(
    await harness.models.clinicianArchives.countDocuments({
      userId: ann.userId,
      deletedBy: 'service:server',
    }),
  ).toBe(2);
});

test('a new email reaches all clinics but those where another has it, and the answer names them', async () => {
  const ann = harness.newUser();
  const eve = harness.newUser();
  const [free, taken] = [await newClinic(ann.api), await newClinic(ann.api)];
  await addClinician(taken.id, eve.userId, 'wanted@example.test');
  const body = { email: 'Wanted@Example.test' };
  const answer = await harness.asService().POST(USER_CLINICS, { params: { path: { userId: ann.userId } }, body });
  expect(statusOf(answer)).toBe(422);
  expect(JSON.stringify(answer.error)).toContain(taken.id);
  const emails = await harness.models.clinicians.find({ userId: ann.userId }).sort({ createdTime: 1 }).lean();
  expect(emails.map(({ clinicId, email }) => [clinicId.toHexString(), email])).toEqual([
    [free.id, 'wanted@example.test'],
    [taken.id, ann.email],
  ]);
});
