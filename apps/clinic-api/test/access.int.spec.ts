import { contracts, type Operation, operations } from '@caregate/contracts';
import type { DirectoryGrant } from '@caregate/identity/directory-token';
import { operationOf } from '@caregate/service';
import { clinicApi } from '../src/app.ts';
import { sendTo } from './at-host.ts';
import { DIRECTORY_PUBLIC_KEYS, directoryHeader } from './directory.ts';
import { type Harness, startHarness } from './harness.ts';
import { join, newPractice } from './practice.ts';

/**
 * Who may call what, written down a second time and from another source than `libs/access`: the public interface's column "who".
 * - `user` anyone signed in, `member` a clinician of the clinic in the path, `admin` one who is an admin, `self` the user in the path
 * - `service`; `key` an API key of the account that holds the clinic in the path, `any key` of whatever account
 * - `owner` who owns the account in the path, `own key` of that account, `directory` the holder of the key that signs tokens for the operation
 * Keys do what admins do, but for what a person must have done (migrating, reviewing). Where the public policy says nothing
 * (invites, all clinicians), the least is given that its clients need.
 */
const WHO: Readonly<Record<string, string>> = {
  ListClinics: 'service',
  CreateClinic: 'user, any key',
  GetClinicByShareCode: 'user, service',
  GetClinic: 'user, service, key',
  UpdateClinic: 'admin, service, key',
  DeleteClinic: 'admin, service, key',
  UpdateTier: 'service',
  UpdateSuppressedNotifications: 'admin, key',
  ListMembershipRestrictions: 'admin, service, key',
  UpdateMembershipRestrictions: 'service',
  GetEHRSettings: 'member, service, key',
  UpdateEHRSettings: 'service',
  GetMRNSettings: 'member, service, key',
  UpdateMRNSettings: 'service',
  GetPatientCountSettings: 'member, service, key',
  UpdatePatientCountSettings: 'service',
  GetPatientCount: 'member, service, key',
  RefreshPatientCount: 'service',

  ListClinicians: 'member, service, key',
  CreateClinician: 'service',
  GetClinician: 'member, service, key',
  UpdateClinician: 'admin, service, key',
  DeleteClinician: 'admin, service, key', // and clinicians themselves, see below
  AddServiceAccount: 'service',
  ListClinicsForClinician: 'service, self',
  ListAllClinicians: 'service',
  UpdateClinicUserDetails: 'service',
  DeleteUserFromClinics: 'service',

  InviteClinician: 'admin, key',
  GetClinicianInvite: 'admin, key',
  ResendInvite: 'admin, key',
  DeleteInvite: 'admin, key',
  GetInvitedClinician: 'service',
  AssociateClinicianToUser: 'service',
  DeleteInvitedClinician: 'service',
  ListClinicianInvites: 'self',
  AcceptClinicianInvite: 'self',
  DismissClinicianInvite: 'self',

  ListPatients: 'member, service, key',
  CreatePatientAccount: 'member, service, key',
  GetPatient: 'member, service, key',
  CreatePatientFromUser: 'service',
  UpdatePatient: 'member, service, key',
  DeletePatient: 'admin, self, key',
  UpdatePatientPermissions: 'self',
  DeletePatientPermission: 'self',
  UpdatePatientReviews: 'member',
  DeletePatientReviews: 'member',
  SendUploadReminder: 'member, key',
  ConnectProvider: 'member, service, key',
  UpdatePatientSummary: 'service',
  DeletePatientSummary: 'service',
  UpdatePatientDataSources: 'service',
  ListClinicsForPatient: 'service, self',
  FindPatients: 'user, any key',
  TideReport: 'member, service, key',

  GetPatientInvites: 'member, key',
  AcceptPatientInvitation: 'member, key',
  DismissPatientInvite: 'member, key',
  CreatePatientInvite: 'self',
  ListPatientInvites: 'self',
  DeletePatientInvite: 'self',
  SendPatientInvite: 'self',

  CreatePatientTag: 'member, service, key',
  UpdatePatientTag: 'member, service, key',
  DeletePatientTag: 'admin, service, key',
  ConvertPatientTagToSite: 'service',
  AssignPatientTagToClinicPatients: 'admin, service, key',
  DeletePatientTagFromClinicPatients: 'admin, service, key',
  CreateSite: 'admin, service, key',
  UpdateSite: 'admin, service, key',
  DeleteSite: 'admin, service, key',
  MergeSite: 'service',

  ListMigrations: 'member, service, key',
  MigrateLegacyClinicianPatients: 'service',
  EnableNewClinicExperience: 'service',
  TriggerInitialMigration: 'admin',
  GetMigration: 'member, service, key',
  UpdateMigration: 'service',
  GenerateMergeReport: 'service',
  MergeClinic: 'service',

  ProvisionAccount: 'directory',
  GetAccount: 'directory, owner, own key',
  SignIn: 'nobody',
  GetCaller: 'user, service, any key',
  SignOut: 'user',
  DeleteUser: 'service, self',
  GetQuotas: 'owner, directory',
  SetQuotas: 'directory',
  CreateApiKey: 'owner',
  ListApiKeys: 'owner, directory',
  ListAdminsByKeys: 'owner',
  RotateApiKey: 'owner',
  RevokeApiKey: 'owner, directory',
  ImportApiKeys: 'directory',
  ListAuditEntries: 'admin, service, key',
  ListAccountAuditEntries: 'owner, service',
  GetMigrationProgress: 'member, service, key',

  ClaimMove: 'directory',
  BeginDeparture: 'directory',
  CancelDeparture: 'directory',
  ExportDocuments: 'directory',
  ExportChanges: 'directory',
  FingerprintDocuments: 'directory',
  FenceAccount: 'directory',
  SealFence: 'directory',
  CompleteDeparture: 'directory',
  PurgeDeparted: 'directory',
  BeginArrival: 'directory',
  CancelArrival: 'directory',
  ImportBatch: 'directory',
  ActivateArrival: 'directory',
};

/** Someone who sends requests: the headers, what they are (in the words of `WHO`), and what is said to them when they are none of it. */
interface TestCaller {
  readonly headers?: Readonly<Record<string, string>>;
  /** By the operation, for whoever has a token for each. */
  readonly signed?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly is: readonly string[];
  readonly otherwise: number;
}

const ADMITTED = 299;
const NOT_ALLOWED = 403;
const UNKNOWN = 401;
const TOKEN_MISSING = 400;

/** Once the clinics are there, requests go no further than the gate: it decides alone, and nothing changes what the next one meets. */
let stopsBehindTheGate = false;
const stopping: typeof clinicApi = {
  ...clinicApi,
  configure: async (app, config, logger) => {
    await clinicApi.configure?.(app, config, logger);
    const fastify = app.getHttpAdapter().getInstance();
    fastify.addHook('preValidation', async (request, reply) => {
      if (stopsBehindTheGate && operationOf(request)) await reply.status(ADMITTED).send();
    });
  },
};

let harness: Harness;
let callers: Readonly<Record<string, TestCaller>>;
/** What the paths name: all of it exists, in one clinic of one account. */
let names: Readonly<Record<string, string>>;
/** Of the account in the paths, and of another. */
let subdomains: { readonly own: string; readonly other: string };

beforeAll(async () => {
  harness = await startHarness({}, stopping);
  const [here, elsewhere] = await Promise.all([newPractice(harness), newPractice(harness)]);
  const [person, stranger] = [harness.newUser(), harness.newUser()];
  await join(harness, here, person.userId);
  names = {
    clinicId: here.clinicId,
    clinicianId: here.colleague,
    userId: person.userId,
    patientId: person.userId,
    patientTagId: here.tagId,
    siteId: here.siteId,
    inviteId: here.inviteId,
    shareCode: here.shareCode,
    summaryId: here.tagId,
    permission: 'view',
    providerId: 'dexcom',
    accountId: here.account.accountId,
    keyId: here.keyId,
  };
  subdomains = { own: here.account.subdomain, other: elsewhere.account.subdomain };
  const user = (userId: string, ...is: string[]) => ({
    headers: token(`user:${userId}`),
    is: ['user', ...is],
    otherwise: NOT_ALLOWED,
  });
  callers = {
    nobody: { headers: {}, is: [], otherwise: TOKEN_MISSING },
    'an empty token': { headers: token(''), is: [], otherwise: TOKEN_MISSING },
    'an unknown token': { headers: token('who:knows'), is: [], otherwise: UNKNOWN },
    'a stranger': user(stranger.userId),
    'the user in the path': user(person.userId, 'self'),
    'another patient': user(here.patient),
    'a member': user(here.member, 'member'),
    'an admin': user(here.admin, 'member', 'admin'),
    'a member of another clinic': user(elsewhere.member),
    'an admin of another clinic': user(elsewhere.admin),
    'the owner of the account': user(here.account.owner.userId, 'owner'),
    'the owner of another account': user(elsewhere.account.owner.userId),
    'a service': { headers: token('server:export'), is: ['service'], otherwise: NOT_ALLOWED },
    'a key of the account': { headers: basic(here.key), is: ['key', 'any key', 'own key'], otherwise: NOT_ALLOWED },
    'the same key without its shard': {
      headers: basic(here.key.replace(/-au1$/, '')),
      is: ['key', 'any key', 'own key'],
      otherwise: NOT_ALLOWED,
    },
    'a key of another account': { headers: basic(elsewhere.key), is: ['any key'], otherwise: NOT_ALLOWED },
    'a revoked key': { headers: basic(here.revokedKey), is: [], otherwise: UNKNOWN },
    'a key for another shard': { headers: basic(here.key.replace(/-au1$/, '-uk1')), is: [], otherwise: UNKNOWN },
    'an unknown key': { headers: basic('0'.repeat(50)), is: [], otherwise: UNKNOWN },
    'the directory': { signed: await signedForEach({}), is: ['directory'], otherwise: NOT_ALLOWED },
    'the directory, with a token for another shard': {
      signed: await signedForEach({}, 'uk1'),
      is: [],
      otherwise: UNKNOWN,
    },
    'the directory, with a token for another operation': {
      signed: await signedForEach({ operationId: 'GetNothing' }),
      is: [],
      otherwise: UNKNOWN,
    },
    'who has the public key alone': { headers: bearer(DIRECTORY_PUBLIC_KEYS), is: [], otherwise: UNKNOWN },
  };
  stopsBehindTheGate = true;
});
afterAll(() => harness.close());

const every = [contracts.clinic, contracts.account].flatMap(operations);

test('the table above speaks of every operation, and of nothing else', () => {
  expect(Object.keys(WHO).toSorted()).toEqual(every.map(({ operationId }) => operationId).toSorted());
});

test.each(every.map((operation) => [operation.operationId, operation] as const))(
  '%s',
  async (operationId, operation) => {
    const expected = Object.entries(callers).map(([name, caller]) => [name, expectedOf(operationId, caller)]);
    const answers = Object.entries(callers).map(async ([name, caller]) => [
      name,
      await ask(operation, names, headersOf(caller, operation)),
    ]);
    expect(Object.fromEntries(await Promise.all(answers))).toEqual(Object.fromEntries(expected));
  },
);

test('in a clinic that does not exist, only those are let in who need no part in it', async () => {
  const inClinics = every.filter(({ path, operationId }) => path.includes('{clinicId}') && operationId !== 'GetClinic');
  for (const clinicId of ['f'.repeat(24), 'none', names['clinicId']?.toUpperCase() ?? '']) {
    const nowhere = { ...names, clinicId };
    const letIn: string[] = [];
    for (const operation of inClinics) {
      if (/\b(self)\b/.test(WHO[operation.operationId] ?? '')) continue;
      for (const name of ['a member', 'an admin', 'the owner of the account', 'a key of the account']) {
        const status = await ask(operation, nowhere, headersOf(callers[name], operation));
        if (status !== NOT_ALLOWED) letIn.push(`${operation.operationId} in ${clinicId}: ${name} ${status}`);
      }
    }
    expect(letIn).toEqual([]);
  }
});

test('a clinician, whatever the role, may delete their own record; someone else’s only an admin', async () => {
  const operation = every.find(({ operationId }) => operationId === 'DeleteClinician');
  const asks = (name: string, clinicianId: string) =>
    operation && ask(operation, { ...names, clinicianId }, headersOf(callers[name], operation));
  const idOf = (name: string) => callers[name]?.headers?.[TOKEN]?.replace('user:', '') ?? '';
  expect(await asks('a member', idOf('a member'))).toBe(ADMITTED);
  expect(await asks('an admin', idOf('an admin'))).toBe(ADMITTED);
  expect(await asks('a member', idOf('an admin'))).toBe(NOT_ALLOWED);
  // Their own id, but no clinician of this clinic.
  for (const name of ['a stranger', 'another patient', 'a member of another clinic', 'an admin of another clinic']) {
    expect(await asks(name, idOf(name))).toBe(NOT_ALLOWED);
  }
});

test('a service ends the custody of an account that is claimed, and takes no other permission', async () => {
  const operation = every.find(({ operationId }) => operationId === 'DeletePatientPermission');
  const asks = (permission: string) =>
    operation && ask(operation, { ...names, permission }, headersOf(callers['a service'], operation));
  expect(await asks('custodian')).toBe(ADMITTED);
  for (const permission of ['view', 'upload', 'note']) expect(await asks(permission)).toBe(NOT_ALLOWED);
});

test('an operation is as closed to HEAD as to GET', async () => {
  for (const operation of every.filter(({ method }) => method === 'get')) {
    const head = await fetch(harness.url + pathOf(operation, names), { method: 'HEAD' });
    expect(head.status).toBe(TOKEN_MISSING);
  }
});

describe('the host that a request is for', () => {
  /** What every operation answers every caller there; how often each. */
  async function heardAt(host: string, who: (name: string, caller: TestCaller) => boolean) {
    const heard: Record<string, number> = {};
    for (const operation of every) {
      const asked = Object.entries(callers).filter(([name, caller]) => who(name, caller));
      const answers = asked.map(([, caller]) =>
        sendTo(
          harness.url + pathOf(operation, names),
          { ...headersOf(caller, operation), host },
          { method: operation.method.toUpperCase() },
        ),
      );
      for (const { status } of await Promise.all(answers)) heard[String(status)] = (heard[String(status)] ?? 0) + 1;
    }
    return heard;
  }
  const at = (host: string, operation: Operation, headers: Readonly<Record<string, string>>) =>
    sendTo(harness.url + pathOf(operation, names), { ...headers, host }, { method: operation.method.toUpperCase() });

  test('makes no difference at the account’s own', async () => {
    const some = [
      'a stranger',
      'a member',
      'an admin',
      'the owner of another account',
      'a key of the account',
      'a service',
    ];
    for (const operation of every) {
      const answers = some.map(async (name) => {
        const headers = headersOf(callers[name], operation);
        return [name, (await at(`${subdomains.own}.au1.localhost`, operation, headers)).status];
      });
      const expected = some.map((name) => [name, expectedOf(operation.operationId, callers[name])]);
      expect([operation.operationId, await Promise.all(answers)]).toEqual([operation.operationId, expected]);
    }
  });

  test('is not one where keys of other accounts reach anything, whatever they are good for elsewhere', async () => {
    const keys = (name: string, { is }: TestCaller) => is.includes('any key') && name !== 'a key of another account';
    const open = every.filter(({ operationId }) => WHO[operationId] === 'nobody').length;
    const asked = Object.entries(callers).filter(([name, caller]) => keys(name, caller)).length;
    expect(await heardAt(`${subdomains.other}.au1.localhost`, keys)).toEqual({
      [ADMITTED]: open * asked,
      [NOT_ALLOWED]: (every.length - open) * asked,
    });
  });

  test.each([
    ['another shard’s', 421, () => ['api.uk1.localhost', `${subdomains.own}.uk1.localhost`]],
    ['nobody’s', 404, () => ['nobody.au1.localhost', `${subdomains.own}.au1.evil.test`]],
  ] as const)('is %s: %i for whoever and whatever', async (_whose, status, hosts) => {
    const some = ['nobody', 'an admin', 'a service', 'a key of the account', 'the directory'];
    for (const host of hosts())
      expect([host, await heardAt(host, (name) => some.includes(name))]).toEqual([
        host,
        { [status]: every.length * some.length },
      ]);
  });
});

test('two ways of saying who one is do not add up', async () => {
  const mixed = { ...callers['a stranger']?.headers, ...callers['a key of another account']?.headers };
  const operation = every.find(({ operationId }) => operationId === 'ListPatients');
  expect(operation && (await ask(operation, names, mixed))).toBe(NOT_ALLOWED);
  const revoked = { ...callers['an admin']?.headers, ...callers['a revoked key']?.headers };
  expect(operation && (await ask(operation, names, revoked))).toBe(UNKNOWN);
});

function expectedOf(operationId: string, caller: TestCaller | undefined): number | undefined {
  const who = (WHO[operationId] ?? '').split(', ');
  const isLetIn = who.includes('nobody') || caller?.is.some((word) => who.includes(word));
  return isLetIn ? ADMITTED : caller?.otherwise;
}

/** Tokens of the directory, one for each operation. */
async function signedForEach(changes: Partial<DirectoryGrant>, shard = 'au1') {
  const { accountId = '' } = names;
  const signed = every.map(async ({ operationId }) => [
    operationId,
    await directoryHeader({ operationId, accountId, moveId: 'a-move', ...changes }, shard),
  ]);
  return Object.fromEntries(await Promise.all(signed));
}

const headersOf = (caller: TestCaller | undefined, { operationId }: Operation): Readonly<Record<string, string>> =>
  caller?.signed?.[operationId] ?? caller?.headers ?? {};

const TOKEN = 'x-tidepool-session-token';
const token = (value: string) => ({ [TOKEN]: value });
const basic = (key: string) => ({ authorization: `Basic ${btoa(`${key}:`)}` });
const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });

async function ask(
  operation: Operation,
  path: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>>,
): Promise<number> {
  const response = await fetch(harness.url + pathOf(operation, path), {
    method: operation.method.toUpperCase(),
    headers: { ...headers },
  });
  const text = await response.text();
  if (response.status === TOKEN_MISSING)
    expect(text).toMatch(/^\{"message":"session token is missing: send one as .* or .* an API key as .*"\}$/);
  return response.status;
}

function pathOf({ path }: Operation, values: Readonly<Record<string, string>>): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`the test has nothing for {${name}}`);
    return value;
  });
}
