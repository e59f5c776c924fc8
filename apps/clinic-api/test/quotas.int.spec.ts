import { AccountUsage } from '../src/quotas/account-usage.service.ts';
import { newAccount, type TestAccount } from './accounts.ts';
import { answered, type Harness, newClinic, startHarness, statusOf } from './harness.ts';

const ACCOUNT = '/caregate/v1/accounts/{accountId}';
const CLINIC = '/v1/clinics/{clinicId}';
const PATIENTS = `${CLINIC}/patients`;

const reasonOf = ({ error }: { error?: unknown }) => (error as { message?: string } | undefined)?.message; // as all errors are
const refusalOf = (answer: { error?: unknown; response: Response }) => [statusOf(answer), reasonOf(answer)];
const refused = (quota: string) => [422, expect.stringMatching(`quota ${quota}\\).*operator`)];

function asOwner(harness: Harness, { accountId, owner }: TestAccount) {
  const api = harness.account({ token: `user:${owner.userId}` });
  const params = { path: { accountId } };
  return {
    quotas: async () => answered(await api.GET(`${ACCOUNT}/quotas`, { params })),
    setQuotas: (body: { keys?: number }) => api.PUT(`${ACCOUNT}/quotas`, { params, body }),
    makeKey: () => api.POST(`${ACCOUNT}/api_keys`, { params, body: { name: 'Lab' } }),
    rotate: (keyId: string, graceSeconds?: number) =>
      api.POST(`${ACCOUNT}/api_keys/{keyId}/rotate`, {
        params: { path: { accountId, keyId } },
        body: graceSeconds === undefined ? {} : { graceSeconds },
      }),
  };
}

describe('with quotas', () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness({
      KEYS_PER_ACCOUNT: '2',
      CLINICS_PER_ACCOUNT: '2',
      CLINICIANS_PER_CLINIC: '2',
      PATIENTS_PER_CLINIC: '3',
      PATIENTS_PER_ACCOUNT: '4',
    });
  });
  afterAll(() => harness.close());

  const metrics = async () => String((await harness.send('/metrics')).body);

  const newPatient = (clinicId = '') =>
    harness.asService().POST(PATIENTS, {
      params: { path: { clinicId } },
      body: { fullName: 'Pat', birthDate: '1990-02-03' },
    });

  test('an account has so many API keys that work, however many are made at once, and is told what to do', async () => {
    const account = await newAccount(harness);
    const { makeKey } = asOwner(harness, account);
    const made = await Promise.all(Array.from({ length: 5 }, makeKey));
    expect(made.map(statusOf).sort()).toEqual([201, 201, 422, 422, 422]);
    expect(made.map(reasonOf)).toContainEqual(expect.stringMatching(/API keys.*quota keys\).*revoke one.*operator/));
    expect(await metrics()).toMatch(/caregate_account_quota_refusals_total\{quota="keys"\} [3-9]/);
    await account.revoke(made.find(({ data }) => data)?.data?.id ?? '');
    expect(statusOf(await makeKey())).toBe(201);
  });

  test('keys that were replaced and still work are bounded, too, and a key can always be rotated without grace', async () => {
    const account = await newAccount(harness);
    const { rotate } = asOwner(harness, account);
    const { id } = await account.newKey();
    for (let times = 0; times < 2; times++) answered(await rotate(id, 3600));
    expect(refusalOf(await rotate(id, 3600))).toEqual(refused('keys'));
    answered(await rotate(id));
    answered(await rotate(id, 3600));
  });

  test('keys that are made and revoked again and again have an end', async () => {
    const account = await newAccount(harness);
    for (let times = 0; times < 8; times++) await account.revoke((await account.newKey()).id);
    const answer = await asOwner(harness, account).makeKey();
    expect(refusalOf(answer)).toEqual([429, expect.stringMatching(/made 8 API keys within a day/)]);
    expect(Number(answer.response.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  test('an operator gives one account other quotas, and its owner sees them and what is used', async () => {
    const [account, other] = [await newAccount(harness), await newAccount(harness)];
    const { quotas, setQuotas, makeKey } = asOwner(harness, account);
    const params = { path: { accountId: account.accountId } };
    const set = async (body: { keys?: number }) =>
      answered(await harness.directory().PUT(`${ACCOUNT}/quotas`, { params, body }));
    for (const { newKey } of [account, other]) for (let times = 0; times < 2; times++) await newKey();
    const shown = await set({ keys: 3 });
    expect(shown.quotas).toContainEqual({ name: 'keys', limit: 3, used: 2, isSet: true });
    expect(statusOf(await makeKey())).toBe(201);
    expect(refusalOf(await makeKey())).toEqual(refused('keys'));
    expect(refusalOf(await asOwner(harness, other).makeKey())).toEqual(refused('keys'));
    expect((await quotas()).quotas).toEqual(
      expect.arrayContaining([
        { name: 'keys', limit: 3, used: 3, isSet: true },
        { name: 'clinics', limit: 2, used: 0, isSet: false },
      ]),
    );
    expect(statusOf(await setQuotas({ keys: 9 }))).toBe(403);
    expect((await set({})).quotas).toContainEqual({ name: 'keys', limit: 2, used: 3, isSet: false });
  });

  test('an account, and a person without one, have so many clinics', async () => {
    const { owner } = await newAccount(harness);
    const founder = harness.newUser();
    for (const { api } of [owner, founder]) {
      for (let times = 0; times < 2; times++) await newClinic(api);
      await expect(newClinic(api)).rejects.toThrow(/422.*quota clinics\)/);
    }
  });

  test('a clinic has so many clinicians, invites among them', async () => {
    const admin = harness.newUser();
    const { id: clinicId = '' } = await newClinic(admin.api);
    const invite = (email: string) =>
      admin.api.POST(`${CLINIC}/invites/clinicians`, {
        params: { path: { clinicId } },
        body: { email, roles: ['CLINIC_MEMBER'] },
      });
    expect(statusOf(await invite('one@example.test'))).toBe(200);
    expect(refusalOf(await invite('two@example.test'))).toEqual(refused('cliniciansPerClinic'));
    const byService = await harness.asService().POST(`${CLINIC}/clinicians`, {
      params: { path: { clinicId } },
      body: { id: harness.newUser().userId, email: 'three@example.test', roles: ['CLINIC_MEMBER'] },
    });
    expect(refusalOf(byService)).toEqual(refused('cliniciansPerClinic'));
  });

  test('a clinic has so many patients', async () => {
    const { id } = await newClinic(harness.newUser().api, { country: 'AU' });
    const answers = [];
    for (let times = 0; times < 4; times++) answers.push(await newPatient(id));
    expect(answers.map(statusOf)).toContain(200);
    expect(answers.map(refusalOf)).toContainEqual(refused('patientsPerClinic'));
  });

  test('an account has so many patients in all its clinics, as they are measured, and an operator sees it', async () => {
    const account = await newAccount(harness);
    const [one, two] = [await newClinic(account.owner.api), await newClinic(account.owner.api)];
    for (const { id } of [one, two]) answered(await newPatient(id));
    await harness.app.get(AccountUsage).run();
    const { quotas, measuredTime } = await asOwner(harness, account).quotas();
    const used = quotas.find(({ name }) => name === 'patients')?.used ?? 0;
    expect(used).toBeGreaterThanOrEqual(2);
    expect(quotas.find(({ name }) => name === 'storageMib')?.used).toBeGreaterThan(0);
    expect(measuredTime).toBeDefined();
    const more = [];
    for (let times = used; times < 4; times++) more.push(statusOf(await newPatient(two.id)));
    expect(new Set(more)).toEqual(new Set(more.length > 0 ? [200] : []));
    await harness.app.get(AccountUsage).run();
    expect(refusalOf(await newPatient(one.id))).toEqual(refused('patients'));
    expect(await metrics()).toMatch(/caregate_account_quota_near\{quota="patients"\} [1-9]/);
  });
});

test('an account whose storage is used up takes no more patients, until an operator gives it more', async () => {
  const harness = await startHarness({ STORAGE_MIB_PER_ACCOUNT: '1' });
  try {
    const account = await newAccount(harness);
    const { id: clinicId = '' } = await newClinic(account.owner.api);
    const params = { path: { clinicId } };
    const newPatient = () =>
      harness.asService().POST(PATIENTS, { params, body: { fullName: 'Pat', birthDate: '1990-02-03' } });
    answered(await newPatient());
    await harness.models.patients.collection.updateMany({}, { $set: { ballast: 'b'.repeat(1_100_000) } });
    await harness.app.get(AccountUsage).run();
    expect(refusalOf(await newPatient())).toEqual(refused('storageMib'));
    const path = { accountId: account.accountId };
    answered(await harness.directory().PUT(`${ACCOUNT}/quotas`, { params: { path }, body: { storageMib: 0 } }));
    answered(await newPatient());
  } finally {
    await harness.close();
  }
});

describe('with a limit of requests by account', () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness({ RATE_LIMIT_PER_ACCOUNT: '8' });
  });
  afterAll(() => harness.close());

  test('more keys do not mean more requests, and the headers say how long to wait', async () => {
    const account = await newAccount(harness);
    const keys = [await account.newKey(), await account.newKey()]; // two requests of the owner
    const { id: clinicId = '' } = await newClinic(account.owner.api);
    const answers = [];
    for (let times = 0; times < 12; times++)
      answers.push(await harness.withKey(keys[times % 2]?.key ?? '').GET(CLINIC, { params: { path: { clinicId } } }));
    const [admitted, held] = [answers.slice(0, 6), answers.slice(6)];
    expect(new Set(admitted.map(statusOf))).toEqual(new Set([200]));
    expect(new Set(held.map(statusOf))).toEqual(new Set([429]));
    expect(reasonOf(held[0] ?? {})).toMatch(/more than 8 requests by this account/);
    const headers = held[0]?.response.headers;
    expect(Number(headers?.get('retry-after'))).toBeGreaterThan(0);
    expect(headers?.get('ratelimit-policy')).toMatch(/"account";q=8;w=60/);
    expect(headers?.get('ratelimit')).toMatch(/"account";r=0;t=\d+/);
    expect(headers?.get('ratelimit-remaining')).toBe('0');
    expect(String((await harness.send('/metrics')).body)).toMatch(/rate_limited_total\{by="account"\} [6-9]/);
  });

  test('members use it up for their account only, and strangers not at all', async () => {
    const [ours, theirs] = [await newAccount(harness), await newAccount(harness)];
    const { id: clinicId = '' } = await newClinic(ours.owner.api);
    const { id: theirClinicId = '' } = await newClinic(theirs.owner.api);
    const patientsOf = (api = ours.owner.api, id = clinicId) =>
      api.GET(PATIENTS, { params: { path: { clinicId: id } } }).then(statusOf);
    const stranger = harness.newUser();
    for (let times = 0; times < 20; times++) expect(await patientsOf(stranger.api)).toBe(403);
    for (let times = 0; times < 8; times++) expect(await patientsOf()).toBe(200);
    expect(await patientsOf()).toBe(429);
    expect(await patientsOf(theirs.owner.api, theirClinicId)).toBe(200);
    expect(await patientsOf(stranger.api)).toBe(403);
  });
});
