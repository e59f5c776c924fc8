import { answered, type Harness, newClinic, startHarness, statusOf } from '../../test/harness.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(() => harness.close());

const OF_PATIENT = '/v1/patients/{userId}/invites';
const OF_CLINIC = '/v1/clinics/{clinicId}/invites/patients';
const offer = { view: {}, upload: {}, custodian: {} };

async function people() {
  const { api, userId: adminId } = harness.newUser();
  const clinic = await newClinic(api);
  const patient = harness.newUser({
    roles: ['patient'],
    profile: { fullName: 'Pat Offer', patient: { birthday: '1990-02-03' } },
  });
  const send = (given: object = {}) =>
    patient.api.POST(OF_PATIENT, {
      params: { path: { userId: patient.userId } },
      body: { shareCode: clinic.shareCode, permissions: offer, ...given },
    });
  const answer = (inviteId: string) => ({ params: { path: { clinicId: clinic.id, inviteId } } });
  const open = async () => answered(await api.GET(OF_CLINIC, { params: { path: { clinicId: clinic.id } } }));
  return { api, adminId, clinicId: clinic.id, shareCode: clinic.shareCode, patient, send, answer, open };
}

test('an offer is seen by both sides, accepted once, and makes a patient with what was offered', async () => {
  const { api, clinicId, patient, send, answer, open } = await people();
  const invite = answered(await send());
  expect(invite).toMatchObject({
    type: 'careteam_invitation',
    status: 'pending',
    clinicId,
    creatorId: patient.userId,
    context: { view: {}, upload: {} },
    creator: { profile: { fullName: 'Pat Offer', patient: { birthday: '1990-02-03' } } },
  });
  expect(invite.context).not.toHaveProperty('custodian');
  expect(await open()).toEqual([invite]);
  expect(answered(await patient.api.GET(OF_PATIENT, { params: { path: { userId: patient.userId } } }))).toEqual([
    invite,
  ]);

  const accept = () => api.PUT(`${OF_CLINIC}/{inviteId}`, { ...answer(invite.key), body: { mrn: 'INV-1' } });
  const answers = await Promise.all([accept(), accept(), accept()]);
  expect(answers.map(statusOf).filter((status) => status === 200)).toHaveLength(1);
  expect(answers.map(statusOf).filter((status) => status >= 500)).toEqual([]);
  const created = answered(
    await api.GET('/v1/clinics/{clinicId}/patients/{patientId}', {
      params: { path: { clinicId, patientId: patient.userId } },
    }),
  );
  expect(created).toMatchObject({
    fullName: 'Pat Offer',
    birthDate: '1990-02-03',
    mrn: 'INV-1',
    permissions: { view: {}, upload: {} },
  });
  expect(await open()).toEqual([]);
  expect(statusOf(await send())).toBe(409); // a patient already
});

test('existing clients send it at the path of the confirmation service', async () => {
  const { shareCode, patient, open } = await people();
  const { status, body } = await harness.send(`/confirm/send/invite/${patient.userId}/clinic`, {
    method: 'POST',
    token: `user:${patient.userId}`,
    body: JSON.stringify({ shareCode, permissions: offer }),
  });
  expect(status).toBe(200);
  expect(await open()).toEqual([body]);
});

test('one offer at a time waits; it can be dismissed, taken back and made again', async () => {
  const { api, patient, send, answer, open } = await people();
  const answers = await Promise.all([send(), send(), send()]);
  expect(answers.map(statusOf).sort()).toEqual([200, 409, 409]);
  const [first] = await open();
  expect(statusOf(await api.DELETE(`${OF_CLINIC}/{inviteId}`, answer(first?.key ?? '')))).toBe(200);
  expect(statusOf(await api.DELETE(`${OF_CLINIC}/{inviteId}`, answer(first?.key ?? '')))).toBe(404);
  const second = answered(await send());
  const takeBack = (userId: string) =>
    harness.asUser(userId).DELETE(`${OF_PATIENT}/{inviteId}`, { params: { path: { userId, inviteId: second.key } } });
  expect(statusOf(await takeBack(harness.newUser().userId))).toBe(404); // somebody else's
  expect(statusOf(await takeBack(patient.userId))).toBe(200);
  expect(statusOf(await api.PUT(`${OF_CLINIC}/{inviteId}`, { ...answer(second.key), body: {} }))).toBe(404);
  expect(await open()).toEqual([]);
});

test('an offer of nothing, to nobody, or accepted by another clinic is refused', async () => {
  const { send, open } = await people();
  const other = await people();
  expect(statusOf(await send({ shareCode: 'AAAA-BBBB-CCCC' }))).toBe(404);
  expect(statusOf(await send({ permissions: { custodian: {} } }))).toBe(400);
  const invite = answered(await send());
  expect(statusOf(await other.api.PUT(`${OF_CLINIC}/{inviteId}`, { ...other.answer(invite.key), body: {} }))).toBe(404);
  for (const key of ['nope', '0'.repeat(32), invite.key.slice(8)]) {
    expect(statusOf(await other.api.DELETE(`${OF_CLINIC}/{inviteId}`, other.answer(key)))).toBe(404);
  }
  expect(await open()).toEqual([invite]);
});

test('who can not be taken in as they are stays an invite', async () => {
  const { api, clinicId, send, answer, open } = await people();
  answered(
    await harness.asService().PUT('/v1/clinics/{clinicId}/settings/mrn', {
      params: { path: { clinicId } },
      body: { required: true, unique: true },
    }),
  );
  const invite = answered(await send());
  const accept = (body: object) => api.PUT(`${OF_CLINIC}/{inviteId}`, { ...answer(invite.key), body });
  expect(statusOf(await accept({}))).toBe(400);
  expect(await open()).toHaveLength(1);
  expect(statusOf(await accept({ mrn: 'OK' }))).toBe(200);
});
