import type { ClinicClient } from '@caregate/contracts';
import { newAccount, type TestAccount } from './accounts.ts';
import { basic, sendTo } from './at-host.ts';
import { answered, type Harness, newClinic, startHarness, statusOf } from './harness.ts';

const CLINIC = '/v1/clinics/{clinicId}';
const PATIENTS = '/v1/clinics/{clinicId}/patients';
const PATIENT = '/v1/clinics/{clinicId}/patients/{patientId}';
const MRN = 'A-100';

let harness: Harness;
let ours: Practice;
let theirs: Practice;
beforeAll(async () => {
  harness = await startHarness();
  [ours, theirs] = await Promise.all([newPractice('Ours'), newPractice('Theirs')]);
});
afterAll(() => harness.close());

describe('the clinics of another account', () => {
  test('are neither shown to a key nor changed by it, and are not told from clinics that do not exist', async () => {
    const { api } = ours;
    for (const clinicId of [theirs.clinicId, 'f'.repeat(24)]) {
      const params = { path: { clinicId } };
      const answers = await Promise.all([
        api.GET(CLINIC, { params }),
        api.GET(PATIENTS, { params }),
        api.PUT(CLINIC, { params, body: { name: 'Taken over', preferredBgUnits: 'mg/dL' } }),
        api.DELETE(CLINIC, { params }),
        api.POST(PATIENTS, { params, body: { fullName: 'Planted', birthDate: '1990-01-01' } }),
        api.GET(PATIENT, { params: { path: { clinicId, patientId: theirs.patientId } } }),
        api.DELETE(PATIENT, { params: { path: { clinicId, patientId: theirs.patientId } } }),
      ]);
      expect(answers.map(statusOf)).toEqual(answers.map(() => 403));
      expect(new Set(answers.map(({ error }) => JSON.stringify(error))).size).toBe(1);
    }
    const { name } = answered(await theirs.api.GET(CLINIC, { params: { path: { clinicId: theirs.clinicId } } }));
    expect(name).toBe('Theirs');
    expect(await namesIn(theirs)).toEqual(['Patient of Theirs']);
  });

  test('are not found by their share code', async () => {
    const path = { shareCode: theirs.shareCode };
    expect(statusOf(await ours.api.GET('/v1/clinics/share_code/{shareCode}', { params: { path } }))).toBe(403);
  });

  test('do not show their patients to a search, by whatever it searches', async () => {
    const found = async (query: Query) => answered(await ours.api.GET('/v1/patients', { params: { query } }));
    for (const query of [
      {},
      { mrn: MRN },
      { birthDate: '1990-02-03' },
      { mrn: MRN, limit: 1000 },
      workspace(ours.clinicId),
    ]) {
      expect((await found(query)).map(({ clinic, patient }) => [clinic.name, patient.fullName])).toEqual([
        ['Ours', 'Patient of Ours'],
      ]);
    }
    expect(await found(workspace(theirs.clinicId))).toEqual([]);
    expect(await found({ ...workspace(theirs.clinicId), mrn: MRN })).toEqual([]);
  });

  test('lend nothing to ours: neither their patients, tags and sites in a body, nor their tags in a query', async () => {
    const { api, clinicId, patientId, tagId } = ours;
    const params = { path: { clinicId, patientTagId: tagId } };
    const assigned = await api.POST('/v1/clinics/{clinicId}/patients/assign_tag/{patientTagId}', {
      params,
      body: [theirs.patientId],
    });
    expect(statusOf(assigned)).toBeLessThan(500);
    const patient = { fullName: 'Patient of Ours', birthDate: '1990-02-03', mrn: MRN };
    const update = (labels: { tags?: string[]; sites?: { id: string; name: string }[] }) =>
      api.PUT(PATIENT, { params: { path: { clinicId, patientId } }, body: { ...patient, ...labels } });
    const ofTheirSite = await update({ sites: [{ id: theirs.siteId, name: 'A guess' }] });
    expect(statusOf(ofTheirSite)).toBe(422);
    expect(JSON.stringify(ofTheirSite.error)).not.toContain('Theirs');
    const ofTheirTag = await update({ tags: [theirs.tagId] });
    expect(statusOf(ofTheirTag)).toBeLessThan(500);
    expect(JSON.stringify(ofTheirTag.data ?? ofTheirTag.error)).not.toContain('Theirs');
    const theirPatient = answered(await theirs.api.GET(PATIENT, { params: { path: theirs } }));
    expect(theirPatient.tags).toEqual([theirs.tagId]);
    expect(await labelsOf(theirs)).toEqual([
      ['Tag of Theirs', 1],
      ['Site of Theirs', 0],
    ]);
    const query = { period: '14d' as const, tags: [theirs.tagId], lastDataCutoff: '2020-01-01T00:00:00Z' };
    const report = await api.GET('/v1/clinics/{clinicId}/tide_report', { params: { path: { clinicId }, query } });
    expect(JSON.stringify(report.data)).not.toContain('Theirs');
  });

  test('cannot be merged into ours: that is for services', async () => {
    const params = { path: { clinicId: ours.clinicId } };
    const body = { sourceId: theirs.clinicId };
    expect(statusOf(await ours.api.POST('/v1/clinics/{clinicId}/merge', { params, body }))).toBe(403);
    expect(statusOf(await ours.api.POST('/v1/clinics/{clinicId}/reports/merge', { params, body }))).toBe(403);
  });
});

test('a clinic without an account is reached by no key', async () => {
  const { id: clinicId = '' } = await newClinic(harness.newUser().api);
  expect(statusOf(await ours.api.GET(CLINIC, { params: { path: { clinicId } } }))).toBe(403);
});

describe('a clinic that is created by a key', () => {
  test('belongs to the key’s account, and the person who made the key is its first admin', async () => {
    const { account } = ours;
    const { id: clinicId = '' } = await newClinic(harness.withKey((await account.newKey()).key), { name: 'By key' });
    const params = { path: { clinicId } };
    const byAnother = harness.withKey((await account.newKey()).key);
    expect(answered(await byAnother.GET(CLINIC, { params })).name).toBe('By key');
    expect(statusOf(await theirs.api.GET(CLINIC, { params }))).toBe(403);
    const admins = answered(await byAnother.GET('/v1/clinics/{clinicId}/clinicians', { params }));
    expect(admins.map(({ id, roles }) => [id, roles])).toEqual([[account.owner.userId, ['CLINIC_ADMIN']]]);
    answered(await byAnother.DELETE(CLINIC, { params }));
  });

  test('can be created at the account’s own host, and not at another account’s', async () => {
    const body = { name: 'At the host', preferredBgUnits: 'mg/dL' };
    const headersAt = ({ subdomain }: TestAccount) => ({ host: `${subdomain}.au1.localhost`, ...basic(ours.key) });
    const post = (account: TestAccount) =>
      sendTo(`${harness.url}/v1/clinics`, headersAt(account), { method: 'POST', body });
    const created = await post(ours.account);
    expect(created.status).toBe(200);
    const { id: clinicId } = created.body as { id: string }; // the contract's Clinic
    expect(statusOf(await theirs.api.GET(CLINIC, { params: { path: { clinicId } } }))).toBe(403);
    answered(await ours.api.DELETE(CLINIC, { params: { path: { clinicId } } }));
    expect((await post(theirs.account)).status).toBe(403);
    expect(await sendTo(`${harness.url}/v1/clinics/${ours.clinicId}`, headersAt(theirs.account))).toMatchObject({
      status: 403,
    });
  });
});

describe('a key', () => {
  test('has no more rights than an admin: the last admin stays', async () => {
    const { api, clinicId, account } = ours;
    const path = { clinicId, clinicianId: account.owner.userId };
    const clinicianPath = '/v1/clinics/{clinicId}/clinicians/{clinicianId}';
    expect(statusOf(await api.DELETE(clinicianPath, { params: { path } }))).toBe(422);
  });

  test('makes no keys, and neither lists nor revokes them', async () => {
    const { account, key } = ours;
    const api = harness.account({ apiKey: key });
    const params = { path: { accountId: account.accountId } };
    const keys = '/caregate/v1/accounts/{accountId}/api_keys';
    expect(statusOf(await api.GET(keys, { params }))).toBe(403);
    expect(statusOf(await api.POST(keys, { params, body: { name: 'more' } }))).toBe(403);
  });

  test('that is revoked or replaced is refused from the next request on; the new one works', async () => {
    const { account, clinicId } = ours;
    const params = { path: { clinicId } };
    const old = await account.newKey();
    expect(statusOf(await harness.withKey(old.key).GET(CLINIC, { params }))).toBe(200);
    const rotated = answered(
      await harness
        .account({ token: `user:${account.owner.userId}` })
        .POST('/caregate/v1/accounts/{accountId}/api_keys/{keyId}/rotate', {
          params: { path: { accountId: account.accountId, keyId: old.id } },
        }),
    );
    expect(statusOf(await harness.withKey(old.key).GET(CLINIC, { params }))).toBe(401);
    expect(statusOf(await harness.withKey(rotated.key).GET(CLINIC, { params }))).toBe(200);
    await account.revoke(rotated.id);
    expect(statusOf(await harness.withKey(rotated.key).GET(CLINIC, { params }))).toBe(401);
  });

  test('that nobody could have is refused with a reason, whatever it looks like', async () => {
    const tries = [
      '',
      ':',
      'a',
      '-au1',
      'a-au1-au1',
      'é-au1',
      `${'x'.repeat(100_000 / 10)}-au1`,
      '{"$gt":""}',
      `${ours.key}x`,
      ours.key.toUpperCase(),
    ];
    for (const text of tries) {
      const authorization = `Basic ${Buffer.from(`${text}:`).toString('base64')}`;
      const answer = await harness.send(`/v1/clinics/${ours.clinicId}`, { headers: { authorization } });
      expect([text.slice(0, 20), answer.status]).toEqual([text.slice(0, 20), 401]);
      expect(answer.body).toEqual({ message: expect.any(String) });
    }
    expect(
      (await harness.send(`/v1/clinics/${ours.clinicId}`, { headers: { authorization: 'Basic %%%' } })).status,
    ).toBe(401);
  });
});

type Query = { mrn?: string; birthDate?: string; limit?: number; workspaceId?: string; workspaceIdType?: 'clinicId' };
const workspace = (workspaceId: string): Query => ({ workspaceId, workspaceIdType: 'clinicId' });

interface Practice {
  readonly account: TestAccount;
  readonly key: string;
  readonly api: ClinicClient;
  readonly clinicId: string;
  readonly shareCode: string;
  readonly tagId: string;
  readonly siteId: string;
  readonly patientId: string;
}

/** An account with a key, a clinic, a tag, a site and a patient who has both; all by the key. */
async function newPractice(name: string): Promise<Practice> {
  const account = await newAccount(harness);
  const { key } = await account.newKey();
  const api = harness.withKey(key);
  const { id: clinicId = '', shareCode = '' } = await newClinic(api, { name });
  const params = { path: { clinicId } };
  const { id: tagId = '' } = answered(
    await api.POST('/v1/clinics/{clinicId}/patient_tags', { params, body: { name: `Tag of ${name}` } }),
  );
  const { id: siteId = '' } = answered(
    await api.POST('/v1/clinics/{clinicId}/sites', { params, body: { name: `Site of ${name}` } }),
  );
  const body = { fullName: `Patient of ${name}`, birthDate: '1990-02-03', mrn: MRN, tags: [tagId] };
  const { id: patientId = '' } = answered(await api.POST(PATIENTS, { params, body }));
  return { account, key, api, clinicId, shareCode, tagId, siteId, patientId };
}

async function namesIn({ api, clinicId }: Practice): Promise<string[]> {
  const { data = [] } = answered(await api.GET(PATIENTS, { params: { path: { clinicId } } }));
  return data.map(({ fullName }) => fullName);
}

/** The clinic's tags and sites, and how many patients each has. */
async function labelsOf({ api, clinicId }: Practice) {
  const { patientTags = [], sites = [] } = answered(await api.GET(CLINIC, { params: { path: { clinicId } } }));
  return [...patientTags, ...sites].map(({ name, numPatients = 0 }) => [name, numPatients]);
}
