import type { ClinicClient } from '@caregate/contracts';
import { answered, type Harness, newClinic, startHarness, statusOf } from '../../test/harness.ts';
import { newUserId } from '../../test/identity-server.ts';
import { AuditRepository } from './audit.repository.ts';

const AUDIT = '/caregate/v1/clinics/{clinicId}/audit';
const PATIENTS = '/v1/clinics/{clinicId}/patients';
const PATIENT = '/v1/clinics/{clinicId}/patients/{patientId}';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(() => harness.close());

async function clinic() {
  const admin = harness.newUser();
  const { id: clinicId } = await newClinic(admin.api);
  return { admin, clinicId };
}

const audit = (userId: string, clinicId: string, query: object = {}) =>
  harness.account({ token: `user:${userId}` }).GET(AUDIT, { params: { path: { clinicId }, query } });
const entries = async (userId: string, clinicId: string, query: object = {}) =>
  answered(await audit(userId, clinicId, query)).entries;

/** The entries, once `done` says that all is there: outcomes and refusals are written just after the answer. */
async function entriesOnce(
  userId: string,
  clinicId: string,
  done: (found: Awaited<ReturnType<typeof entries>>) => boolean,
  query: object = {},
) {
  for (let tries = 100; ; tries--) {
    const found = await entries(userId, clinicId, query);
    if (done(found) || tries === 0) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function memberOf(clinicId: string) {
  const member = harness.newUser();
  const body = { id: member.userId, email: member.email ?? '', roles: ['CLINIC_MEMBER' as const] };
  answered(
    await harness.asService().POST('/v1/clinics/{clinicId}/clinicians', { params: { path: { clinicId } }, body }),
  );
  return member;
}

const createPatient = async (api: ClinicClient, clinicId: string, fullName: string) =>
  answered(
    await api.POST(PATIENTS, {
      params: { path: { clinicId } },
      body: { fullName, birthDate: '1990-02-03', mrn: `M-${fullName}` },
    }),
  );

test('writes and reads of patients are told, newest first, with who, what, when, where and outcome, and without the data', async () => {
  const { admin, clinicId } = await clinic();
  const { id: patientId } = await createPatient(admin.api, clinicId, 'Pat Private');
  answered(await admin.api.GET(PATIENT, { params: { path: { clinicId, patientId } } }));
  answered(await admin.api.GET(PATIENTS, { params: { path: { clinicId }, query: { search: 'Private' } } }));
  answered(
    await harness
      .asService('export')
      .POST('/v1/clinics/{clinicId}/tier', { params: { path: { clinicId } }, body: { tier: 'tier0300' } }),
  );
  const found = await entriesOnce(admin.userId, clinicId, (list) => list.every(({ status }) => status !== undefined));
  const by = { kind: 'user', id: admin.userId };
  expect(found).toMatchObject([
    { operationId: 'UpdateTier', caller: { kind: 'service', id: 'export' }, status: 200 },
    { operationId: 'ListPatients', caller: by, status: 200 },
    { operationId: 'GetPatient', caller: by, patientId, status: 200 },
    { operationId: 'CreatePatientAccount', caller: by, patientId, status: 200 },
    { operationId: 'CreateClinic', caller: by, status: 200 },
  ]);
  expect(found.every(({ address, time }) => address === '127.0.0.1' && Date.parse(time) > 0)).toBe(true);
  const kept = JSON.stringify(await harness.connection.collection('audit_entries').find({}).toArray());
  for (const secret of ['Pat Private', 'Private', '1990-02', 'M-Pat', '@']) expect(kept).not.toContain(secret);
});

test('what is refused to somebody of the clinic is told with its status, also what the access table refuses', async () => {
  const { admin, clinicId } = await clinic();
  const member = await memberOf(clinicId);
  const patientId = newUserId();
  expect(statusOf(await member.api.DELETE(PATIENT, { params: { path: { clinicId, patientId } } }))).toBe(403);
  expect(statusOf(await admin.api.GET(PATIENT, { params: { path: { clinicId, patientId } } }))).toBe(404);
  const path = { clinicId, clinicianId: admin.userId };
  expect(
    statusOf(await admin.api.DELETE('/v1/clinics/{clinicId}/clinicians/{clinicianId}', { params: { path } })),
  ).toBe(422);
  const found = await entriesOnce(
    admin.userId,
    clinicId,
    (list) =>
      list.length === 5 && list.every(({ status = 0, operationId }) => operationId === 'CreateClinic' || status > 400),
  );
  const told = found.map(({ operationId, caller, status }) => [operationId, caller.id, status]);
  expect(told).toHaveLength(5);
  expect(told).toContainEqual(['DeletePatient', member.userId, 403]);
  expect(told).toContainEqual(['GetPatient', admin.userId, 404]);
  expect(told).toContainEqual(['DeleteClinician', admin.userId, 422]);
});

test('pages go on where the one before ended, and miss and repeat nothing while more is added', async () => {
  const { admin, clinicId } = await clinic();
  await Promise.all(Array.from({ length: 25 }, () => admin.api.GET(PATIENTS, { params: { path: { clinicId } } })));
  const before = (await entriesOnce(admin.userId, clinicId, (list) => list.length === 26)).map(({ id }) => id);
  expect(before).toHaveLength(26);
  const seen: string[] = [];
  let after: string | undefined;
  do {
    const page = answered(await audit(admin.userId, clinicId, { limit: 7, ...(after && { after }) }));
    seen.push(...page.entries.map(({ id }) => id));
    after = page.next;
    await admin.api.GET(PATIENTS, { params: { path: { clinicId } } });
  } while (after !== undefined);
  expect(seen).toEqual(before);
  expect(statusOf(await audit(admin.userId, clinicId, { after: 'nonsense' }))).toBe(400);
});

test('the list can be cut to a time and to a patient; what services do to the patient in all clinics is shown then', async () => {
  const { admin, clinicId } = await clinic();
  const { id: patientId } = await createPatient(admin.api, clinicId, 'One');
  const other = await createPatient(admin.api, clinicId, 'Two');
  answered(
    await harness
      .asService('data')
      .PUT('/v1/patients/{userId}/data_sources', { params: { path: { userId: patientId } }, body: [] }),
  );
  // Who was made is told with the outcome.
  const both = (list: readonly unknown[]) => list.length === 2;
  const found = await entriesOnce(admin.userId, clinicId, both, { patientId });
  expect(found.map(({ operationId }) => operationId)).toEqual(['UpdatePatientDataSources', 'CreatePatientAccount']);
  const ofOther = await entriesOnce(admin.userId, clinicId, (list) => list.length === 1, { patientId: other.id });
  expect(ofOther.map(({ operationId }) => operationId)).toEqual(['CreatePatientAccount']);
  const all = await entriesOnce(admin.userId, clinicId, (list) => list.length === 4);
  expect(all.map(({ operationId }) => operationId)).toEqual([
    'UpdatePatientDataSources',
    'CreatePatientAccount',
    'CreatePatientAccount',
    'CreateClinic',
  ]);
  const from = found[0]?.time ?? '';
  expect((await entries(admin.userId, clinicId, { from })).map(({ operationId }) => operationId)).toEqual([
    'UpdatePatientDataSources',
  ]);
  expect(await entries(admin.userId, clinicId, { until: from })).toHaveLength(3);
  expect(
    await entries(admin.userId, clinicId, { from: '0001-01-01T00:00:00Z', until: '9999-12-31T23:59:59Z' }),
  ).toHaveLength(4);
  const elsewhere = await clinic();
  expect(await entries(elsewhere.admin.userId, elsewhere.clinicId, { patientId })).toEqual([]);
});

test('only admins of the clinic, services and keys of its account read it', async () => {
  const { admin, clinicId } = await clinic();
  const member = harness.newUser();
  const body = { id: member.userId, email: 'mia@example.test', roles: ['CLINIC_MEMBER' as const] };
  answered(
    await harness.asService().POST('/v1/clinics/{clinicId}/clinicians', { params: { path: { clinicId } }, body }),
  );
  expect(statusOf(await audit(member.userId, clinicId))).toBe(403);
  expect(statusOf(await audit((await clinic()).admin.userId, clinicId))).toBe(403);
  expect(statusOf(await audit(admin.userId, clinicId))).toBe(200);
  const service = harness.account({ token: 'server:ops' });
  expect(statusOf(await service.GET(AUDIT, { params: { path: { clinicId } } }))).toBe(200);
  const directory = harness.directory();
  expect(statusOf(await directory.GET(AUDIT, { params: { path: { clinicId } } }))).toBe(403);
});

test('whoever accepts an invite is told in the audit of the clinic that invited', async () => {
  const { admin, clinicId } = await clinic();
  const mia = harness.newUser();
  const invite = answered(
    await admin.api.POST('/v1/clinics/{clinicId}/invites/clinicians', {
      params: { path: { clinicId } },
      body: { email: mia.email ?? '', roles: ['CLINIC_MEMBER'] },
    }),
  );
  const path = { userId: mia.userId, inviteId: invite.inviteId ?? '' };
  answered(await mia.api.PUT('/v1/clinicians/{userId}/invites/{inviteId}', { params: { path } }));
  const found = await entriesOnce(admin.userId, clinicId, (list) => list[0]?.operationId === 'AcceptClinicianInvite');
  expect(found[0]).toMatchObject({
    caller: { id: mia.userId },
    clinicianId: mia.userId,
    record: invite.inviteId,
    status: 200,
  });
});

test('a patient’s offer to share and the clinic’s answer are told in the audit of the clinic, about the patient', async () => {
  const { admin, clinicId } = await clinic();
  const pat = harness.newUser({
    roles: ['patient'],
    profile: { fullName: 'Pat', patient: { birthday: '1990-02-03' } },
  });
  const { shareCode } = answered(await admin.api.GET('/v1/clinics/{clinicId}', { params: { path: { clinicId } } }));
  const { key } = answered(
    await pat.api.POST('/v1/patients/{userId}/invites', {
      params: { path: { userId: pat.userId } },
      body: { shareCode: shareCode ?? '', permissions: { view: {} } },
    }),
  );
  const path = { clinicId, inviteId: key };
  answered(await admin.api.PUT('/v1/clinics/{clinicId}/invites/patients/{inviteId}', { params: { path }, body: {} }));
  const found = await entriesOnce(
    admin.userId,
    clinicId,
    (list) => list[1]?.operationId === 'CreatePatientInvite' && list[0]?.patientId !== undefined,
  );
  expect(found.slice(0, 2)).toMatchObject([
    { operationId: 'AcceptPatientInvitation', caller: { id: admin.userId }, patientId: pat.userId, record: key },
    { operationId: 'CreatePatientInvite', caller: { id: pat.userId }, patientId: pat.userId },
  ]);
});

test('a write that cannot be recorded does not happen, and a read that cannot be is not answered', async () => {
  const { admin, clinicId } = await clinic();
  const repository = harness.app.get(AuditRepository);
  const away = async () => {
    throw new Error('the disk is full');
  };
  const { insert } = repository;
  Object.assign(repository, { insert: away });
  try {
    const update = await harness
      .asService()
      .POST('/v1/clinics/{clinicId}/tier', { params: { path: { clinicId } }, body: { tier: 'tier0400' } });
    expect(statusOf(update)).toBe(500);
    expect(statusOf(await admin.api.GET(PATIENTS, { params: { path: { clinicId } } }))).toBe(500);
  } finally {
    Object.assign(repository, { insert });
  }
  expect((await harness.models.clinics.findById(clinicId).lean())?.tier).toBe('tier0100');
});

test('an entry that was lost with the server that took it comes again with its outcome', async () => {
  const { admin, clinicId } = await clinic();
  const repository = harness.app.get(AuditRepository);
  const { insert } = repository;
  Object.assign(repository, { insert: async () => {} });
  const patient = await createPatient(admin.api, clinicId, 'Lost').finally(() => Object.assign(repository, { insert }));
  const found = await entriesOnce(admin.userId, clinicId, (list) => list[0]?.operationId === 'CreatePatientAccount');
  expect(found[0]).toMatchObject({
    caller: { kind: 'user', id: admin.userId },
    patientId: patient.id,
    status: 200,
    address: '127.0.0.1',
  });
});
