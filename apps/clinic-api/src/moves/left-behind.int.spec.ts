import { randomUUID } from 'node:crypto';
import { contracts, operations } from '@caregate/contracts';
import { eventually } from '@caregate/eventually';
import { type Harness, startHarness } from '../../test/harness.ts';
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
  readonly patientId: string;
}

/** A practice with one of everything, and another that has nothing to do with it; both have the same patient, member and admin. */
async function scene(): Promise<Scene> {
  const [practice, other] = [await newPractice(harness), await newPractice(harness)];
  return { practice, other, patientId: practice.patient };
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
  readonly who: 'service' | 'admin' | 'patient' | 'colleague' | 'key';
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
  ListClinicianInvites: [{ who: 'colleague', path: ({ practice }) => `/v1/clinicians/${practice.colleague}/invites` }],
  ListPatientInvites: [{ who: 'patient', path: ({ patientId }) => `/v1/patients/${patientId}/invites` }],
  FindPatients: [
    { who: 'admin', path: () => '/v1/patients?limit=1000' },
    { who: 'key', path: () => '/v1/patients?limit=1000' },
    {
      who: 'admin',
      path: ({ practice }) => `/v1/patients?workspaceId=${practice.clinicId}&workspaceIdType=clinicId`,
    },
  ],
  ListClinicsForPatient: [
    { who: 'patient', path: ({ patientId }) => `/v1/patients/${patientId}/clinics` },
    { who: 'service', path: ({ patientId }) => `/v1/patients/${patientId}/clinics` },
  ],
  CreatePatientInvite: [
    {
      who: 'patient',
      path: ({ patientId }) => `/v1/patients/${patientId}/invites`,
      body: ({ practice }) => ({ shareCode: practice.shareCode, permissions: { view: {} } }),
    },
  ],
  SendPatientInvite: [
    {
      who: 'patient',
      path: ({ patientId }) => `/confirm/send/invite/${patientId}/clinic`,
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
    { who: 'service', path: ({ patientId }) => `/v1/patients/${patientId}/summary`, body: () => ({}) },
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
  const { practice, patientId } = scene;
  const token = {
    service: 'server:export',
    admin: `user:${practice.admin}`,
    patient: `user:${patientId}`,
    colleague: `user:${practice.colleague}`,
    key: undefined,
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

describe.each([
  ['has moved', depart],
  ['is on its way here', onItsWay],
])('of an account that %s', (_what, make) => {
  let here: Scene;
  beforeAll(async () => {
    here = await scene();
    await join(harness, here.other, here.patientId);
    await make(here.practice);
  });

  test.each(tried)('%s tells %s nothing and changes nothing', async (_operationId, _who, call, operation) => {
    if (!operation) throw new Error('the contract has no such operation');
    const method = operation.method.toUpperCase();
    const { clinicId, shareCode } = here.practice;
    const changed = ['patients', 'patient_invites', 'clinicians'];
    const content = () =>
      Promise.all(
        changed.map((each) =>
          harness.connection
            .collection(each)
            .find({ clinicId: new harness.connection.base.Types.ObjectId(clinicId) })
            .toArray(),
        ),
      );
    const before = await content();
    const { status, body } = await ask(call, here, method);
    expect(JSON.stringify(body ?? '')).not.toContain(clinicId);
    expect(JSON.stringify(body ?? '')).not.toContain(shareCode);
    expect([200, 204, 401, 404]).toContain(status);
    expect(await content()).toEqual(before);
  });

  test('no clinic of it is merged into another by whoever was an admin of both', async () => {
    const { practice, other } = here;
    const admin = practice.admin;
    await harness.models.clinicians.collection.updateMany(
      { clinicId: new harness.connection.base.Types.ObjectId(other.clinicId), roles: 'CLINIC_ADMIN' },
      { $set: { userId: admin as never } },
    );
    const path = `/v1/clinics/${other.clinicId}`;
    for (const [method, url] of [
      ['POST', `${path}/merge`],
      ['POST', `${path}/reports/merge`],
    ] as const) {
      const { status, body } = await harness.send(url, {
        method,
        token: 'server:export',
        body: JSON.stringify({ sourceId: practice.clinicId }),
      });
      expect([url, status]).toEqual([url, 404]);
      expect(JSON.stringify(body)).not.toContain(practice.shareCode);
    }
  });
});
