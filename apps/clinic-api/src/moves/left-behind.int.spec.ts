import { randomUUID } from 'node:crypto';
import { contracts, operations } from '@caregate/contracts';
import { eventually } from '@caregate/eventually';
import { answered, type Harness, startHarness } from '../../test/harness.ts';
import { cgmSummary } from '../../test/patients.ts';
import { join, newPractice, type Practice } from '../../test/practice.ts';
import { AccountDoor } from './account-door.ts';

/**
 * What stays of an account that has moved, until it is deleted, and what is here of one that only arrives, is nobody's to read or change
 * here: what gives people rights is decided on another shard.
 */

let harness: Harness;
beforeAll(async () => void (harness = await startHarness()));
afterAll(() => harness.close());

interface Scene {
  readonly practice: Practice;
  readonly other: Practice;
  /** Users: a patient of both, one who has offered to share with both, two who have nothing yet, and one whom both invite to be a clinician. */
  readonly patientId: string;
  readonly applicant: string;
  readonly newcomer: string;
  readonly stranger: string;
  readonly invited: string;
}

/** Practices invite this address. */
let invited: string;
beforeAll(() => void (invited = harness.newUser({ email: 'new@example.test' }).userId));

/** A practice with one of everything, and another that has nothing to do with it. */
async function scene(): Promise<Scene> {
  const [practice, other] = [await newPractice(harness), await newPractice(harness)];
  const profile = { fullName: 'Pat Offer', patient: { birthday: '1990-02-03' } };
  const [applicant, newcomer, stranger] = [1, 2, 3].map(() => harness.newUser({ profile }));
  if (!applicant || !newcomer || !stranger) throw new Error('three users');
  for (const { shareCode } of [practice, other]) {
    const params = { path: { userId: applicant.userId } };
    answered(
      await applicant.api.POST('/v1/patients/{userId}/invites', {
        params,
        body: { shareCode, permissions: { view: {} } },
      }),
    );
  }
  await join(harness, other, practice.patient);
  return {
    ...{ practice, other, patientId: practice.patient },
    ...{ applicant: applicant.userId, newcomer: newcomer.userId, stranger: stranger.userId, invited },
  };
}

/** As `CompleteDeparture` does it. */
async function depart({ account: { accountId }, clinicId }: Practice): Promise<void> {
  const moved = {
    ...{ moveId: randomUUID(), shard: 'uk1', accountUrl: 'https://a.uk1.test', apiUrl: 'https://api.uk1.test' },
    ...{ time: new Date(), keys: [], clinics: [new harness.connection.base.Types.ObjectId(clinicId)] },
  };
  await harness.connection
    .collection<{ _id: string }>('accounts')
    .updateOne({ _id: accountId }, { $set: { moved, notice: randomUUID() }, $inc: { notices: 1 } } as never); // texts
  await eventually(async () => harness.app.get(AccountDoor).standingOf(accountId)?.moved !== undefined);
}

/** As it is before `ActivateArrival`. */
async function onItsWay({ account: { accountId } }: Practice): Promise<void> {
  await harness.connection.collection<{ _id: string }>('accounts').deleteOne({ _id: accountId });
  await harness.connection
    .collection<{ _id: string; moveId: string }>('account_arrivals')
    .insertOne({ _id: accountId, moveId: randomUUID() });
}

interface Call {
  readonly who: 'service' | 'admin' | 'patient' | 'applicant' | 'newcomer' | 'stranger' | 'invited' | 'key';
  readonly path: (scene: Scene) => string;
  readonly body?: (scene: Scene) => object;
}

/** How each operation is asked for that names no clinic and no account, by somebody who may. */
const CALLS: Readonly<Record<string, readonly Call[]>> = {
  ListClinics: [{ who: 'service', path: () => '/v1/clinics?limit=1000' }],
  GetClinicByShareCode: [{ who: 'admin', path: ({ practice }) => `/v1/clinics/share_code/${practice.shareCode}` }],
  ListAllClinicians: [{ who: 'service', path: () => '/v1/clinicians?limit=1000' }],
  ListClinicsForClinician: [
    { who: 'admin', path: ({ practice }) => `/v1/clinicians/${practice.admin}/clinics` },
    { who: 'service', path: ({ practice }) => `/v1/clinicians/${practice.admin}/clinics` },
  ],
  ListClinicianInvites: [{ who: 'invited', path: ({ invited }) => `/v1/clinicians/${invited}/invites` }],
  ListPatientInvites: [{ who: 'applicant', path: ({ applicant }) => `/v1/patients/${applicant}/invites` }],
  FindPatients: [
    { who: 'admin', path: () => '/v1/patients?limit=1000' },
    { who: 'key', path: () => '/v1/patients?limit=1000' },
    {
      who: 'admin',
      path: ({ practice }) => `/v1/patients?workspaceId=${practice.clinicId}&workspaceIdType=clinicId`,
    },
  ],
  GetCaller: [
    { who: 'admin', path: () => '/caregate/v1/caller' },
    { who: 'key', path: () => '/caregate/v1/caller' },
  ],
  ListClinicsForPatient: [
    { who: 'patient', path: ({ patientId }) => `/v1/patients/${patientId}/clinics` },
    { who: 'service', path: ({ patientId }) => `/v1/patients/${patientId}/clinics` },
  ],
  CreatePatientInvite: [
    {
      who: 'newcomer',
      path: ({ newcomer }) => `/v1/patients/${newcomer}/invites`,
      body: ({ practice }) => ({ shareCode: practice.shareCode, permissions: { view: {} } }),
    },
  ],
  SendPatientInvite: [
    {
      who: 'stranger',
      path: ({ stranger }) => `/confirm/send/invite/${stranger}/clinic`,
      body: ({ practice }) => ({ shareCode: practice.shareCode, permissions: { view: {} } }),
    },
  ],
  UpdatePatientDataSources: [
    {
      who: 'service',
      path: ({ patientId }) => `/v1/patients/${patientId}/data_sources`,
      body: () => [{ providerName: 'dexcom', state: 'connected' }] as object,
    },
  ],
  UpdatePatientSummary: [
    { who: 'service', path: ({ patientId }) => `/v1/patients/${patientId}/summary`, body: () => cgmSummary() },
  ],
};

/** Operations that name no clinic and read or change none of somebody else's, each with the reason. */
const OTHERS: Readonly<Record<string, string>> = {
  CreateClinic: 'makes one, for an account that is here (AccountsRepository.ownedBy)',
  EnableNewClinicExperience: 'makes one',
  AcceptClinicianInvite: 'finds the invite as ListClinicianInvites does',
  DismissClinicianInvite: 'finds the invite as ListClinicianInvites does',
  DeletePatientInvite: 'finds the invite as ListPatientInvites does',
  DeletePatientSummary: 'finds by the same condition as UpdatePatientSummary',
  UpdateClinicUserDetails: 'changes what is shown of a user, and answers nothing',
  DeleteUserFromClinics: 'takes a user out of everything, and answers nothing',
  DeleteUser: 'takes a user out of everything, and answers nothing',
  ImportApiKeys: 'refuses accounts that have moved',
  SignIn: 'is about users, who are here as long as what names them',
  SignOut: 'is about users, who are here as long as what names them',
};

const nameless = [contracts.clinic, contracts.account]
  .flatMap(operations)
  .filter(({ path }) => !/\{(clinicId|accountId)\}/.test(path));

test('every operation that names neither clinic nor account is tried below, or said to be about neither', () => {
  const known = [...Object.keys(CALLS), ...Object.keys(OTHERS)];
  expect(nameless.map(({ operationId }) => operationId).filter((each) => !known.includes(each))).toEqual([]);
});

async function ask({ who, path, body }: Call, scene: Scene, method: string) {
  const { practice, patientId, applicant, newcomer, stranger, invited } = scene;
  const token = {
    ...{ service: 'server:export', admin: `user:${practice.admin}`, key: undefined },
    ...{ patient: `user:${patientId}`, applicant: `user:${applicant}`, newcomer: `user:${newcomer}` },
    ...{ stranger: `user:${stranger}`, invited: `user:${invited}` },
  }[who];
  return harness.send(path(scene), {
    method,
    ...(token !== undefined && { token }),
    ...(who === 'key' && { headers: { authorization: `Basic ${btoa(`${practice.key}:`)}` } }),
    ...(body && { body: JSON.stringify(body(scene)) }),
  });
}

const tried = Object.entries(CALLS).flatMap(([operationId, calls]) =>
  calls.map(
    (call) => [operationId, call.who, call, nameless.find((each) => each.operationId === operationId)] as const,
  ),
);

/** What an operation tells of the practice and changes in it. */
async function effect(here: Scene, call: Call, operation: { readonly method: string } | undefined) {
  if (!operation) throw new Error('the contract has no such operation');
  const { clinicId, shareCode } = here.practice;
  const content = () =>
    Promise.all(
      ['patients', 'patient_invites', 'clinicians'].map((each) =>
        harness.connection
          .collection(each)
          .find({ clinicId: new harness.connection.base.Types.ObjectId(clinicId) })
          .toArray(),
      ),
    );
  const before = JSON.stringify(await content());
  const { status, body } = await ask(call, here, operation.method.toUpperCase());
  const answer = JSON.stringify(body ?? '');
  return {
    status,
    tells: answer.includes(clinicId) || answer.includes(shareCode),
    changes: JSON.stringify(await content()) !== before,
  };
}

const MERGES = ['reports/merge', 'merge'];

/** As a service may, which both clinics would let. */
const merge = ({ practice, other }: Scene, path: string) =>
  harness.send(`/v1/clinics/${other.clinicId}/${path}`, {
    method: 'POST',
    token: 'server:export',
    body: JSON.stringify({ sourceId: practice.clinicId }),
  });

describe('of an account that is served here', () => {
  let here: Scene;
  beforeAll(async () => void (here = await scene()));

  test.each(tried)('%s tells %s of a clinic or changes it', async (_operationId, _who, call, operation) => {
    const { status, tells, changes } = await effect(here, call, operation);
    expect([status, tells || changes]).toEqual([expect.any(Number), true]);
  });

  test('a clinic can go into another', async () => {
    expect((await merge(here, 'reports/merge')).status).toBe(200);
  });
});

describe.each([
  ['has moved', depart],
  ['is on its way here', onItsWay],
])('of an account that %s', (_what, make) => {
  let here: Scene;
  beforeAll(async () => {
    here = await scene();
    await make(here.practice);
  });

  test.each(tried)('%s tells %s nothing and changes nothing', async (_operationId, who, call, operation) => {
    const { status, ...effects } = await effect(here, call, operation);
    expect(effects).toEqual({ tells: false, changes: false });
    expect(who === 'key' ? [200, 401] : [200, 204, 404]).toContain(status);
  });

  test.each(MERGES)('no clinic of it goes into another by %s', async (path) => {
    const { status, body } = await merge(here, path);
    expect(status).toBe(404);
    expect(JSON.stringify(body)).not.toContain(here.practice.shareCode);
  });
});
