import { randomUUID } from 'node:crypto';
import { ACCESS } from '@caregate/access';
import {
  ACCOUNT_AUDIT_ENTRIES,
  AUDIT_ENTRIES,
  type AuditEntry,
  entryId,
  REFUSED_REQUESTS,
} from '@caregate/clinic-model';
import { contracts, exampleRequest, operations } from '@caregate/contracts';
import { eventually } from '@caregate/eventually';
import { hashPassword, IdentityService } from '@caregate/identity';
import { AuditRepository } from '../src/audit/audit.repository.ts';
import { auditedAs } from '../src/audit/audited.ts';
import { AuditRetention } from '../src/audit/retention.service.ts';
import { confirmAccount, newAccount } from './accounts.ts';
import { asService, callersOf, namesOf } from './callers.ts';
import { answered, type Harness, newClinic, startHarness, statusOf } from './harness.ts';
import { join, newPractice, type Practice } from './practice.ts';

const OF_CLINIC = '/caregate/v1/clinics/{clinicId}/audit';
const OF_ACCOUNT = '/caregate/v1/accounts/{accountId}/audit';
const DAY_MS = 86_400_000;

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(() => harness.close());

const asServiceAccount = () => harness.account({ token: 'server:auditor' });
const ofClinic = async (clinicId: string, query: object = {}) =>
  answered(await asServiceAccount().GET(OF_CLINIC, { params: { path: { clinicId }, query } }));
const ofAccount = async (accountId: string, query: object = {}) =>
  answered(await asServiceAccount().GET(OF_ACCOUNT, { params: { path: { accountId }, query } }));
const told = async (clinicId: string, operationId: string) =>
  (await ofClinic(clinicId, { limit: 1000 })).entries.filter((entry) => entry.operationId === operationId);

/** A clinic of this admin with this many patients of one MRN each, the same in every clinic. */
async function clinicWith(admin: ReturnType<Harness['newUser']>, mrns: readonly string[]) {
  const { id: clinicId = '' } = await newClinic(admin.api, { country: 'AU' });
  for (const mrn of mrns) {
    const body = { fullName: 'Pat', birthDate: '1990-02-03', mrn };
    answered(await admin.api.POST('/v1/clinics/{clinicId}/patients', { params: { path: { clinicId } }, body }));
  }
  return clinicId;
}

test('a search over clinics is one entry in each clinic that gave a patient, however many it gave, and in no other', async () => {
  const admin = harness.newUser();
  const [one, two, none] = [
    await clinicWith(admin, ['M7', 'M8']),
    await clinicWith(admin, ['M7']),
    await clinicWith(admin, ['M9']),
  ];
  const found = answered(
    await admin.api.GET('/v1/patients', { params: { query: { birthDate: '1990-02-03', mrn: 'M7' } } }),
  );
  expect(found).toHaveLength(2);
  for (const clinicId of [one, two]) {
    const entries = await eventually(async () => {
      const found = await told(clinicId, 'FindPatients'); // written with w:1, so a read may come before it
      return found.length > 0 && found;
    });
    expect(entries).toMatchObject([{ caller: { kind: 'user', id: admin.userId }, status: 200 }]);
  }
  expect(await told(none, 'FindPatients')).toEqual([]);
});

test('a search that cannot be recorded in all its clinics is not answered', async () => {
  const admin = harness.newUser();
  await clinicWith(admin, ['M7']);
  const repository = harness.app.get(AuditRepository);
  const { insert } = repository;
  Object.assign(repository, { insert: () => Promise.reject(new Error('the disk is full')) });
  try {
    const answer = await admin.api.GET('/v1/patients', { params: { query: { birthDate: '1990-02-03' } } });
    expect(statusOf(answer)).toBe(500);
  } finally {
    Object.assign(repository, { insert });
  }
});

test('strangers are counted by day and push nothing out of the list; what members are refused is listed', async () => {
  const practice = await newPractice(harness);
  const { clinicId } = practice;
  const params = { path: { clinicId } };
  const [stranger, other] = [harness.newUser(), await newAccount(harness)];
  const { key } = await other.newKey();
  const before = (await ofClinic(clinicId, { limit: 1000 })).entries.length;
  for (const api of [stranger.api, harness.withKey(key)])
    for (let times = 0; times < 10; times++)
      expect(statusOf(await api.GET('/v1/clinics/{clinicId}/patients', { params }))).toBe(403);
  const member = harness.asUser(practice.member);
  expect(
    statusOf(await member.PUT('/v1/clinics/{clinicId}', { params, body: { name: 'X', preferredBgUnits: 'mg/dL' } })),
  ).toBe(403);
  const page = await eventually(async () => {
    const { entries, refusedStrangers = [] } = await ofClinic(clinicId, { limit: 1000 });
    return (
      refusedStrangers[0]?.requests === 20 &&
      entries.some(({ status }) => status === 403) && { entries, refusedStrangers }
    );
  }, 'twenty refusals are counted');
  expect(page.refusedStrangers).toHaveLength(1);
  expect(page.entries).toHaveLength(before + 1);
  expect(page.entries[0]).toMatchObject({ operationId: 'UpdateClinic', caller: { id: practice.member }, status: 403 });
  expect(String((await harness.send('/metrics')).body)).toMatch(/caregate_refused_strangers_total 2\d/);
});

test('nobody makes counts of clinics that do not exist', async () => {
  const stranger = harness.newUser();
  const params = { path: { clinicId: 'f'.repeat(24) } };
  expect(statusOf(await stranger.api.GET('/v1/clinics/{clinicId}/patients', { params }))).toBe(403);
  const { clinicId } = await newPractice(harness);
  expect(statusOf(await stranger.api.GET('/v1/clinics/{clinicId}/patients', { params: { path: { clinicId } } }))).toBe(
    403,
  );
  await eventually(async () => (await ofClinic(clinicId)).refusedStrangers?.[0]?.requests === 1);
  expect(await harness.connection.collection<{ _id: string }>(REFUSED_REQUESTS).findOne({ _id: /^f{24}/ })).toBeNull();
});

test('pages of an account’s list go on where the one before ended, beyond the newest thousand', async () => {
  const { accountId } = await newAccount(harness);
  const start = Date.parse('2026-01-01T00:00:00Z');
  const entries = Array.from({ length: 1_203 }, (_, n) => {
    const time = new Date(start + n * 1_000);
    const caller = { kind: 'user', id: 'a000000001' } as const;
    return {
      _id: entryId(time),
      time,
      operationId: 'SignIn',
      caller,
      accountId,
      status: 200,
      address: '',
      requestId: 'r',
    };
  });
  await harness.connection.collection(ACCOUNT_AUDIT_ENTRIES).insertMany(entries);
  const first = await ofAccount(accountId, { limit: 1_000, until: '2026-02-01T00:00:00Z' });
  const rest = await ofAccount(accountId, { limit: 1_000, after: first.next ?? '' });
  const seen = [...first.entries, ...rest.entries].map(({ id }) => id);
  expect(seen).toEqual(entries.map(({ _id }) => _id.toHexString()).reverse());
  expect(rest.next).toBeUndefined();
});

test('the owner of an account finds who deleted a clinic, and what was done in it before; nobody else does', async () => {
  const { account, clinicId, admin, patient } = await newPractice(harness);
  const byAdmin = harness.asUser(admin);
  const params = { path: { clinicId } };
  answered(await byAdmin.GET('/v1/clinics/{clinicId}/patients', { params }));
  answered(
    await byAdmin.DELETE('/v1/clinics/{clinicId}/patients/{patientId}', {
      params: { path: { clinicId, patientId: patient } },
    }),
  );
  answered(await byAdmin.DELETE('/v1/clinics/{clinicId}', { params }));
  const { accountId } = account;
  const asked = (api: ReturnType<Harness['account']>, of: string, query: object) =>
    api.GET(OF_ACCOUNT, { params: { path: { accountId: of }, query } });
  const owner = harness.account({ token: `user:${account.owner.userId}` });
  const deletion = await eventually(async () => {
    const { entries } = answered(await asked(owner, accountId, {}));
    return entries.find(({ operationId, status }) => operationId === 'DeleteClinic' && status !== undefined);
  }, 'who deleted the clinic');
  expect(deletion).toMatchObject({ caller: { kind: 'user', id: admin }, record: clinicId, status: 204 });
  const { entries } = answered(await asked(owner, accountId, { clinicId, limit: 1_000 }));
  expect(entries.map(({ operationId }) => operationId)).toEqual(
    expect.arrayContaining(['ListPatients', 'DeletePatient', 'DeleteClinic']),
  );
  expect(answered(await asked(owner, accountId, { clinicId, limit: 1 })).next).toBeDefined();
  const other = await newAccount(harness);
  const another = harness.account({ token: `user:${other.owner.userId}` });
  expect(statusOf(await asked(another, other.accountId, { clinicId }))).toBe(404);
  expect(statusOf(await asked(another, accountId, { clinicId }))).toBe(403);
  expect(statusOf(await asked(harness.account({ token: `user:${admin}` }), accountId, { clinicId }))).toBe(403);
});

test('the owner finds what was done in a clinic that went into another', async () => {
  const { account, clinicId, key } = await newPractice(harness);
  const { id: sourceId = '' } = await newClinic(harness.withKey(key));
  const params = { path: { clinicId } };
  answered(await harness.asService().POST('/v1/clinics/{clinicId}/merge', { params, body: { sourceId } }));
  const owner = harness.account({ token: `user:${account.owner.userId}` });
  const list = async (query: object) =>
    answered(await owner.GET(OF_ACCOUNT, { params: { path: { accountId: account.accountId }, query } })).entries;
  await eventually(
    async () => (await list({})).some((entry) => entry.operationId === 'MergeClinic' && entry.record === sourceId),
    'the merge in the list of the account',
  );
  await eventually(
    async () => (await list({ clinicId: sourceId })).some(({ operationId }) => operationId === 'MergeClinic'),
    'the merge in the list of the clinic that is gone',
  );
  expect((await list({ clinicId: sourceId })).map(({ operationId }) => operationId)).toContain('CreateClinic');
});

test('entries are kept as long as is set and no longer', async () => {
  const { clinicId } = await newPractice(harness);
  const { accountId } = await newAccount(harness);
  const at = (days: number) => new Date(Date.now() - days * DAY_MS);
  const { models, connection } = harness;
  const clinic = await models.clinics.findById(clinicId, { _id: 1 }).orFail();
  for (const [collection, whose] of [
    [AUDIT_ENTRIES, { clinicId: clinic._id }],
    [ACCOUNT_AUDIT_ENTRIES, { accountId }],
  ] as const)
    for (const days of [2_200, 2_193, 2_191])
      await connection
        .collection<Partial<AuditEntry>>(collection)
        .insertOne({ _id: entryId(at(days)), time: at(days), requestId: 'old', ...whose });
  await harness.app.get(AuditRetention).run();
  for (const collection of [AUDIT_ENTRIES, ACCOUNT_AUDIT_ENTRIES]) {
    const left = await connection.collection<AuditEntry>(collection).find({ requestId: 'old' }).toArray();
    expect(left.map(({ time }) => Math.round((Date.now() - time.getTime()) / DAY_MS))).toEqual([2_191]);
  }
});

describe('an account’s owner sees in the account’s list', () => {
  let local: Harness;
  beforeAll(async () => {
    local = await startHarness({ IDENTITY: 'local', IDENTITY_SECRET: 'a secret of tests that is long enough' });
  });
  afterAll(() => local.close());

  test('sign-ins that succeeded and failed, keys made, rotated and revoked by whomever, the owner, sign-outs and the end of users', async () => {
    const [accountId, password] = [randomUUID(), 'correct horse battery staple'];
    const email = `${accountId}@example.test`;
    const body = {
      subdomain: `p-${accountId}`,
      name: 'Practice',
      owner: { email, fullName: 'Dana', passwordHash: await hashPassword(password) },
    };
    const params = { path: { accountId } };
    const directory = local.directory();
    answered(await directory.PUT('/caregate/v1/accounts/{accountId}', { params, body }));
    await confirmAccount(local, accountId, password);
    const { ownerUserId = '' } = answered(await directory.GET('/caregate/v1/accounts/{accountId}', { params }));
    const signIn = (given: string) =>
      local.account({}).POST('/caregate/v1/sessions', { body: { email, password: given } });
    expect(statusOf(await signIn('wrong'))).toBe(401);
    const { token } = answered(await signIn(password));
    const owner = local.account({ token });
    const keys = '/caregate/v1/accounts/{accountId}/api_keys';
    const made = answered(await owner.POST(keys, { params, body: { name: 'Lab' } }));
    const path = { accountId, keyId: made.id };
    answered(await owner.POST(`${keys}/{keyId}/rotate`, { params: { path } }));
    answered(await directory.DELETE(`${keys}/{keyId}`, { params: { path } }));
    answered(await owner.DELETE('/caregate/v1/sessions'));
    const again = local.account({ token: answered(await signIn(password)).token });
    answered(await again.DELETE('/caregate/v1/users/{userId}', { params: { path: { userId: ownerUserId } } }));
    const auditor = local.account({ token: await serviceToken(local) });
    const list = await eventually(async () => {
      const { entries } = answered(await auditor.GET(OF_ACCOUNT, { params }));
      return entries.length === 10 && entries.every(({ status }) => status !== undefined) && entries;
    }, 'ten entries');
    const by = { kind: 'user', id: ownerUserId };
    expect(list.toReversed()).toMatchObject([
      { operationId: 'ProvisionAccount', caller: { kind: 'directory' }, status: 200 },
      { operationId: 'ConfirmAccount', caller: by, record: ownerUserId, status: 200 },
      { operationId: 'SignIn', caller: by, status: 401 },
      { operationId: 'SignIn', caller: by, status: 200 },
      { operationId: 'CreateApiKey', caller: by, record: made.id, status: 201 },
      { operationId: 'RotateApiKey', caller: by, record: made.id, status: 201 },
      { operationId: 'RevokeApiKey', caller: { kind: 'directory' }, record: made.id, status: 204 },
      { operationId: 'SignOut', caller: by, status: 204 },
      { operationId: 'SignIn', caller: by, status: 200 },
      { operationId: 'DeleteUser', caller: by, status: 204 },
    ]);
    expect(JSON.stringify(list)).not.toMatch(/@|Dana|correct/);
  });

  const serviceToken = ({ app }: Harness) => app.get(IdentityService).serviceToken('auditor');
});

describe('of every operation of the contracts', () => {
  const every = [contracts.clinic, contracts.account].flatMap((document) =>
    operations(document).map((operation) => [operation.operationId, operation, document] as const),
  );
  /** What reaches clinics and accounts that its path does not name, in a practice whose patient is in no other clinic. */
  const BEYOND_THE_PATH: Readonly<Record<string, readonly ('clinic' | 'account' | 'new clinic')[]>> = {
    CreateClinic: ['new clinic'],
    EnableNewClinicExperience: ['new clinic'],
    FindPatients: ['clinic'],
    ListClinicsForPatient: ['clinic'],
    UpdatePatientDataSources: ['clinic'],
    UpdatePatientSummary: ['clinic'],
    CreatePatientInvite: [],
    SendPatientInvite: [],
    UpdateClinicUserDetails: ['clinic'],
    DeleteUserFromClinics: ['clinic'],
    SignOut: ['account'],
  };
  const forClients = every.filter(([id]) => (ACCESS[id] ?? []).some((who) => who !== 'directory'));

  test.each(forClients)('%s leaves exactly the entries that it must', async (id, operation, document) => {
    const practice = await newPractice(harness);
    if (id === 'FindPatients') await join(harness, practice, harness.newUser().userId);
    const since = entryId(new Date());
    const [headers = {}] =
      id === 'FindPatients' ? [callersOf(id, practice)['key']] : Object.values(callersOf(id, practice));
    const { url, body } = exampleRequest(document, id, namesOf(practice));
    const response = await fetch(harness.url + (id === 'FindPatients' ? '/v1/patients?birthDate=1990-02-03' : url), {
      method: operation.method.toUpperCase(),
      headers: {
        ...(id in ACCESS ? headers : asService),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    await response.text();
    const kind = auditedAs(operation);
    const beyond = response.ok ? (BEYOND_THE_PATH[id] ?? []) : [];
    const expected = kind
      ? [
          ...(operation.path.includes('{clinicId}') || beyond.includes('clinic') ? ['clinic'] : []),
          ...(operation.path.includes('{accountId}') || beyond.includes('account') ? ['account'] : []),
          ...(beyond.includes('new clinic') ? ['another clinic'] : []),
        ]
      : [];
    if (expected.length > 0)
      await eventually(
        async () => (await entriesOf(id, practice, since)).length >= expected.length,
        `${id}: ${expected.join()}`,
        5_000,
      );
    expect([id, response.status, await entriesOf(id, practice, since)]).toEqual([id, response.status, expected]);
  });

  /** Whose lists have entries of this operation since then. */
  async function entriesOf(operationId: string, practice: Practice, since: AuditEntry['_id']) {
    const wanted = { operationId, _id: { $gt: since }, status: { $exists: true } };
    const [inClinics, inAccounts] = await Promise.all([
      harness.connection
        .collection<AuditEntry>(AUDIT_ENTRIES)
        .find({ ...wanted, clinicId: { $exists: true } })
        .toArray(),
      harness.connection.collection<AuditEntry>(ACCOUNT_AUDIT_ENTRIES).find(wanted).toArray(),
    ]);
    return [
      ...inClinics.map(({ clinicId }) => (clinicId?.toHexString() === practice.clinicId ? 'clinic' : 'another clinic')),
      ...inAccounts.map(({ accountId }) => (accountId === practice.account.accountId ? 'account' : 'another account')),
    ].toSorted((a, b) => Number(b === 'clinic') - Number(a === 'clinic'));
  }
});
