import { eventually } from '@caregate/eventually';
import { randomUUID } from 'node:crypto';
import { ANY_ACCOUNT } from '@caregate/clinic-model';
import type { AccountClient } from '@caregate/contracts';
import { newAccount, type TestAccount } from '../../test/accounts.ts';
import { answered, type Harness, newClinic, startHarness } from '../../test/harness.ts';
import { beginMove, bringTo, copyAll } from '../../test/moves.ts';
import { AccountDoor } from './account-door.ts';
import { packed, placeText, type Step } from './batch.ts';

const ACCOUNT = '/caregate/v1/accounts/{accountId}';
const CLINIC = '/v1/clinics/{clinicId}';

let au1: Harness;
let uk1: Harness;
beforeAll(async () => {
  [au1, uk1] = await Promise.all([startHarness({ SHARD_ID: 'au1' }), startHarness({ SHARD_ID: 'uk1' })]);
});
afterAll(() => Promise.all([au1?.close(), uk1?.close()]));

const directoryAt = (shard: Harness): AccountClient => shard.directory();
const statusOf = ({ response }: { response: Response }) => response.status;

interface Practice {
  readonly account: TestAccount;
  readonly accountId: string;
  readonly clinicId: string;
  readonly api: ReturnType<Harness['withKey']>;
}

async function newPractice(): Promise<Practice> {
  const account = await newAccount(au1);
  const { key } = await account.newKey();
  const api = au1.withKey(key);
  const { id: clinicId = '' } = await newClinic(api);
  return { account, accountId: account.accountId, clinicId, api };
}

const addPatient = ({ api, clinicId }: Practice) =>
  api.POST('/v1/clinics/{clinicId}/patients', {
    params: { path: { clinicId } },
    body: { fullName: 'Pat', birthDate: '1980-01-01' },
  });

const fence = ({ accountId }: Practice, moveId: string, forMs = 30_000) =>
  directoryAt(au1).POST(`${ACCOUNT}/departure/fence`, {
    params: { path: { accountId } },
    body: { moveId, fenceId: randomUUID(), forMs, withinMs: 5_000 },
  });

const begin = ({ accountId }: Practice, moveId: string) => beginMove({ from: au1, to: uk1 }, accountId, moveId);
const bring = (accountId: string, moveId: string, batch: string) => bringTo(uk1, accountId, moveId, batch);
const bringAll = ({ accountId }: Practice, moveId: string) => copyAll({ from: au1, to: uk1 }, accountId, moveId);

describe('a fence', () => {
  test('keeps writers of its account out, with Retry-After, and lets readers and other accounts be', async () => {
    const [moving, other] = [await newPractice(), await newPractice()];
    const moveId = randomUUID();
    expect(statusOf(await fence(moving, moveId))).toBe(204);
    const refused = await addPatient(moving);
    expect(refused.response.status).toBe(503);
    expect(refused.response.headers.get('retry-after')).toBe('1');
    expect(statusOf(await moving.api.GET(CLINIC, { params: { path: { clinicId: moving.clinicId } } }))).toBe(200);
    expect(statusOf(await addPatient(other))).toBe(200);
    await directoryAt(au1).DELETE(`${ACCOUNT}/departure`, {
      params: { path: { accountId: moving.accountId }, query: { moveId } },
    });
    await eventually(async () => statusOf(await addPatient(moving)) === 200);
  });

  test('waits for a write that is under way, and is not there when that takes too long', async () => {
    const practice = await newPractice();
    const door = au1.app.get(AccountDoor);
    for (const whose of [practice.accountId, ANY_ACCOUNT] as const) {
      const leave = Promise.withResolvers<void>();
      const underWay = door.write(whose, () => leave.promise);
      const impatient = await directoryAt(au1).POST(`${ACCOUNT}/departure/fence`, {
        params: { path: { accountId: practice.accountId } },
        body: { moveId: 'm', fenceId: randomUUID(), forMs: 30_000, withinMs: 50 },
      });
      expect(impatient.response.status).toBe(503);
      const patient = fence(practice, 'm');
      await eventually(async () => door.standingOf(practice.accountId)?.fence !== undefined);
      leave.resolve();
      await underWay;
      expect(statusOf(await patient)).toBe(204);
      await directoryAt(au1).DELETE(`${ACCOUNT}/departure`, {
        params: { path: { accountId: practice.accountId }, query: { moveId: 'm' } },
      });
      await eventually(async () => door.standingOf(practice.accountId) === undefined);
    }
  });

  test('lifts by itself, and then cannot be sealed; a sealed one stays', async () => {
    const practice = await newPractice();
    const { accountId } = practice;
    const seal = (fenceId: string) =>
      directoryAt(au1).POST(`${ACCOUNT}/departure/seal`, {
        params: { path: { accountId } },
        body: { moveId: 'm', fenceId },
      });
    const fenceFor = async (forMs: number) => {
      const fenceId = randomUUID();
      const body = { moveId: 'm', fenceId, forMs, withinMs: 5_000 };
      answered(await directoryAt(au1).POST(`${ACCOUNT}/departure/fence`, { params: { path: { accountId } }, body }));
      return fenceId;
    };
    const brief = await fenceFor(100);
    await eventually(async () => statusOf(await addPatient(practice)) === 200);
    expect(statusOf(await seal(brief))).toBe(409);
    const lasting = await fenceFor(2_000);
    expect(statusOf(await seal(lasting))).toBe(204);
    const another = await fence(practice, 'another');
    expect(another.response.status).toBe(409);
    const account = await au1.models.accounts.findById(accountId).lean();
    expect(account?.fence).toMatchObject({ id: lasting, sealed: true });
  });
});

describe('an account on its way', () => {
  test('is seen by nobody where it goes, until it is active; then it is served there and its batches are refused', async () => {
    const practice = await newPractice();
    const moveId = randomUUID();
    answered(await addPatient(practice));
    await bringAll(practice, moveId);
    const { accountId, clinicId } = practice;
    const there = uk1.asUser(uk1.newUser().userId);
    expect(statusOf(await there.GET(CLINIC, { params: { path: { clinicId } } }))).toBe(404);
    expect(await uk1.models.patients.countDocuments({})).toBe(1);
    answered(
      await directoryAt(uk1).POST(`${ACCOUNT}/arrival/activation`, {
        params: { path: { accountId } },
        body: { moveId },
      }),
    );
    expect(statusOf(await there.GET(CLINIC, { params: { path: { clinicId } } }))).toBe(200);
    const late = await bring(accountId, moveId, await packed([{ collection: 'patients', id: 'x' }]));
    expect(late.response.status).toBe(204); // nothing in it is let in any more
    const stranger = await bring(accountId, 'another', await packed([]));
    expect(stranger.response.status).toBe(409);
    const cancelled = await directoryAt(uk1).DELETE(`${ACCOUNT}/arrival`, {
      params: { path: { accountId }, query: { moveId } },
    });
    expect(cancelled.response.status).toBe(409);
  });

  test('leaves nothing when it is given up, and users who live there already are left as they are', async () => {
    const practice = await newPractice();
    const { accountId } = practice;
    const moveId = randomUUID();
    await begin(practice, moveId);
    const users = uk1.connection.collection<{ _id: string; profile: object; createdTime: Date }>('users');
    const createdTime = new Date();
    await users.insertOne({ _id: 'aaaaaaaaaa', profile: { fullName: 'lives here' }, createdTime });
    const user = (id: string): Step => ({
      collection: 'users',
      id,
      document: { _id: id, profile: { fullName: 'comes along' }, createdTime },
    });
    const patients: Step[] = ['aaaaaaaaaa', 'bbbbbbbbbb'].map((userId) => {
      const _id = new uk1.connection.base.Types.ObjectId();
      const clinicId = new uk1.connection.base.Types.ObjectId(practice.clinicId);
      return { collection: 'patients', id: _id, document: { _id, clinicId, userId } };
    });
    const clinic = await au1.connection.collection('clinics').findOne({ accountId });
    if (!clinic) throw new Error('the practice has a clinic');
    const steps: Step[] = [
      { collection: 'clinics', id: clinic._id, document: clinic },
      ...patients,
      user('aaaaaaaaaa'),
      user('bbbbbbbbbb'),
    ];
    for (let times = 0; times < 2; times++) answered(await bring(accountId, moveId, await packed(steps)));
    expect(await users.find().sort({ _id: 1 }).toArray()).toMatchObject([
      { _id: 'aaaaaaaaaa', profile: { fullName: 'lives here' } },
      { _id: 'bbbbbbbbbb', profile: { fullName: 'comes along' } },
    ]);
    const cancel = () =>
      directoryAt(uk1).DELETE(`${ACCOUNT}/arrival`, { params: { path: { accountId }, query: { moveId } } });
    expect(answered(await cancel())).toMatchObject({ done: true });
    expect(answered(await cancel())).toMatchObject({ done: true });
    expect((await users.find().toArray()).map(({ _id }) => _id)).toEqual(['aaaaaaaaaa']);
    expect(await uk1.connection.collection('clinics').countDocuments({ accountId })).toBe(0);
    const again = await bring(accountId, moveId, await packed(steps));
    expect(again.response.status).toBe(409);
  });

  test('takes the place of what it brought itself, and is refused where something of others is in the way', async () => {
    const practice = await newPractice();
    const { accountId } = practice;
    const moveId = randomUUID();
    await begin(practice, moveId);
    const { ObjectId } = uk1.connection.base.Types;
    const clinic = (_id: InstanceType<typeof ObjectId>, shareCodes: string[]): Step => ({
      collection: 'clinics',
      id: _id,
      document: { _id, accountId, shareCodes },
    });
    const [first, second] = [new ObjectId(), new ObjectId()];
    const code = 'AAAA-BBBB-CCCC';
    answered(await bring(accountId, moveId, await packed([clinic(first, [code])])));
    // Meanwhile the first gave its code away; what is left of it here makes room and comes again with its own change.
    answered(await bring(accountId, moveId, await packed([clinic(second, [code])])));
    const { shareCode = '' } = await newClinic(uk1.asUser(uk1.newUser().userId));
    const refused = await bring(accountId, moveId, await packed([clinic(new ObjectId(), [shareCode])]));
    expect(refused.response.status).toBe(409);
    expect(refused.error?.message).toMatch(
      /something of another account on this shard is in the way: \w+ in clinics has the same shareCodes/,
    );
    expect(await uk1.connection.collection('clinics').find({ accountId }).toArray()).toEqual([
      { _id: second, accountId, shareCodes: [code] },
    ]);
  });
});

test('changes are handed out from a place on, with clinics that were made meanwhile, and end where the fence begins', async () => {
  const practice = await newPractice();
  const { accountId } = practice;
  const { token } = await begin(practice, randomUUID());
  const { id: newId = '' } = await newClinic(practice.api);
  answered(await addPatient({ ...practice, clinicId: newId }));
  answered(await addPatient(await newPractice())); // another account's
  const fenceId = randomUUID();
  const body = { moveId: 'm', fenceId, forMs: 30_000, withinMs: 5_000 };
  answered(await directoryAt(au1).POST(`${ACCOUNT}/departure/fence`, { params: { path: { accountId } }, body }));
  const touched: string[] = [];
  for (let after = token, drained: string | undefined; drained !== fenceId;) {
    const page = answered(
      await directoryAt(au1).GET(`${ACCOUNT}/departure/changes`, { params: { path: { accountId }, query: { after } } }),
    );
    for (const each of page.touched) touched.push(each.collection);
    [after, drained] = [page.token, page.drained];
  }
  expect(touched.filter((each) => each === 'clinics')).not.toHaveLength(0);
  expect(touched.filter((each) => each === 'patients')).toHaveLength(1);
});

test('changes go on from one whose document has gone since', async () => {
  const practice = await newPractice();
  const { accountId, clinicId, api } = practice;
  await begin(practice, randomUUID());
  const { id: patientId = '' } = answered(await addPatient(practice));
  const path = { clinicId, patientId };
  const stream = au1.connection.collection('patients').watch([{ $match: { operationType: 'update' } }]);
  await stream.tryNext(); // it watches from here
  const body = { fullName: 'Pat Again', birthDate: '1980-01-01' };
  answered(await api.PUT('/v1/clinics/{clinicId}/patients/{patientId}', { params: { path }, body }));
  const { _id: token } = await stream.next();
  await stream.close();
  answered(await api.DELETE('/v1/clinics/{clinicId}/patients/{patientId}', { params: { path } }));
  const page = answered(
    await directoryAt(au1).GET(`${ACCOUNT}/departure/changes`, {
      params: { path: { accountId }, query: { after: placeText(token) } },
    }),
  );
  expect(page.touched.map(({ collection }) => collection)).toEqual(
    expect.arrayContaining(['patients', 'patients_deletions']),
  );
});

test('the same documents have the same fingerprints on both sides, and a changed one has another', async () => {
  const practice = await newPractice();
  const { accountId } = practice;
  answered(await addPatient(practice));
  await bringAll(practice, randomUUID());
  const of = async (shard: Harness, collection: string) =>
    answered(
      await directoryAt(shard).POST(`${ACCOUNT}/fingerprints`, {
        params: { path: { accountId } },
        body: { collection, limit: 5000, counted: true },
      }),
    );
  for (const collection of ['clinics', 'clinicians', 'patients', 'patient_sheets', 'api_keys']) {
    const source = await of(au1, collection);
    expect(source.documents).not.toHaveLength(0);
    expect(await of(uk1, collection)).toEqual(source);
  }
  const before = await of(au1, 'clinics');
  await au1.connection.collection('clinics').updateOne({ accountId }, { $set: { name: 'Another' } });
  expect(await of(au1, 'clinics')).not.toEqual(before);
});
