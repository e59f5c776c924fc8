import { randomUUID } from 'node:crypto';
import type { AccountId } from '@caregate/clinic-model';
import { hashPassword, type UserId } from '@caregate/identity';
import { eventually } from '@caregate/eventually';
import { AccountsRepository } from '../src/accounts/accounts.repository.ts';
import { confirmAccount, newAccount } from './accounts.ts';
import { answered, type Harness, newClinic, startHarness, statusOf } from './harness.ts';

const CLINIC = '/v1/clinics/{clinicId}';
const KEYS = '/caregate/v1/accounts/{accountId}/api_keys';
const KEY = '/caregate/v1/accounts/{accountId}/api_keys/{keyId}';
const PASSWORD = 'correct horse battery staple';

describe('where users live on the shard', () => {
  let harness: Harness;
  let copy: Harness;
  let passwordHash: string;
  beforeAll(async () => {
    const local = { IDENTITY: 'local', IDENTITY_SECRET: 'a secret of tests that is long enough' };
    harness = await startHarness(local);
    copy = await startHarness({ ...local, MONGODB_URI: harness.uri });
    passwordHash = await hashPassword(PASSWORD);
  });
  afterAll(async () => {
    await copy.close();
    await harness.close();
  });

  /** An account with its owner's session, a key, and a clinic made by the key. */
  async function practice() {
    const accountId = randomUUID();
    const email = `${accountId}@example.test`;
    const body = {
      subdomain: `p-${accountId}`,
      name: 'Practice',
      owner: { email, fullName: 'Dana', passwordHash },
    };
    const params = { path: { accountId } };
    const directory = harness.directory();
    answered(await directory.PUT('/caregate/v1/accounts/{accountId}', { params, body }));
    await confirmAccount(harness, accountId, PASSWORD);
    const account = answered(await directory.GET('/caregate/v1/accounts/{accountId}', { params }));
    const credentials = { email, password: PASSWORD };
    const { token } = answered(await harness.account({}).POST('/caregate/v1/sessions', { body: credentials }));
    const asOwner = harness.account({ token });
    const key = answered(await asOwner.POST(KEYS, { params, body: { name: 'Lab' } }));
    const { id: clinicId = '' } = await newClinic(harness.withKey(key.key));
    return {
      params,
      body,
      token,
      asOwner,
      key,
      clinic: { params: { path: { clinicId } } },
      ownerId: account.ownerUserId ?? '',
    };
  }

  const leave = async ({ asOwner, ownerId }: Awaited<ReturnType<typeof practice>>) =>
    answered(await asOwner.DELETE('/caregate/v1/users/{userId}', { params: { path: { userId: ownerId } } }));

  test('a key stops on every copy with the next request after its owner has left, and says why and what to do', async () => {
    const ours = await practice();
    const theirs = await practice();
    for (const each of [harness, copy]) answered(await each.withKey(ours.key.key).GET(CLINIC, ours.clinic));
    await leave(ours);
    for (const each of [harness, copy]) {
      const refused = await each.withKey(ours.key.key).GET(CLINIC, ours.clinic);
      expect([statusOf(refused), refused.error?.message]).toEqual([
        401,
        expect.stringMatching(/API key .*owns.*deleted.*operator/),
      ]);
      expect(statusOf(await each.withKey(theirs.key.key).GET(CLINIC, theirs.clinic))).toBe(200);
    }
  });

  test('with a session that another copy still believes in, the owner makes no key that works', async () => {
    const ours = await practice();
    const elsewhere = copy.account({ token: ours.token });
    answered(await elsewhere.GET(KEYS, { params: ours.params }));
    await leave(ours);
    const late = await elsewhere.POST(KEYS, { params: ours.params, body: { name: 'late' } });
    const key = late.data?.key;
    const works = key !== undefined && statusOf(await copy.withKey(key).GET(CLINIC, ours.clinic)) === 200;
    expect([statusOf(late) < 300, works]).toEqual([false, false]);
  });

  test('a key made as its owner leaves does not work', async () => {
    const ours = await practice();
    const [, ...made] = await Promise.all([
      leave(ours),
      ...Array.from({ length: 5 }, () => ours.asOwner.POST(KEYS, { params: ours.params, body: { name: 'race' } })),
    ]);
    for (const { data } of made)
      if (data) expect(statusOf(await harness.withKey(data.key).GET(CLINIC, ours.clinic))).toBe(401);
    expect(statusOf(await harness.withKey(ours.key.key).GET(CLINIC, ours.clinic))).toBe(401);
  });

  test('a new owner makes keys that work; those of before stay stopped', async () => {
    const [ours, heir] = [await practice(), await practice()];
    await leave(ours);
    const accounts = harness.app.get(AccountsRepository);
    const _id = ours.params.path.accountId as AccountId; // made above
    await accounts.put({ _id, subdomain: ours.body.subdomain, name: 'Practice', ownerUserId: heir.ownerId as UserId });
    const fresh = answered(await heir.asOwner.POST(KEYS, { params: ours.params, body: { name: 'fresh' } }));
    expect(statusOf(await harness.withKey(fresh.key).GET(CLINIC, ours.clinic))).toBe(200);
    expect(statusOf(await harness.withKey(ours.key.key).GET(CLINIC, ours.clinic))).toBe(401);
  });
});

describe('where users live elsewhere', () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness();
  });
  afterAll(() => harness.close());

  test.each([
    ['whose owner is gone', 'owner'],
    ['whose maker is gone', 'maker'],
  ])('a key %s stops, though nobody told the shard', async (_name, who) => {
    const account = await newAccount(harness);
    const { id, key } = await account.newKey();
    const { id: clinicId = '' } = await newClinic(account.owner.api);
    const gone = who === 'owner' ? account.owner.userId : harness.newUser().userId;
    if (who === 'maker') await harness.models.apiKeys.updateOne({ _id: id }, { $set: { createdBy: gone } });
    harness.identity.deleteUser(gone);
    const ask = () => harness.withKey(key).GET(CLINIC, { params: { path: { clinicId } } });
    await eventually(async () => statusOf(await ask()) === 401, 'the key is refused', 10_000);
    expect((await ask()).error?.message).toMatch(/deleted/);
  });

  test('an operator lists and revokes the keys of any account, by way of the directory', async () => {
    const account = await newAccount(harness);
    const { id: keyId, key } = await account.newKey();
    const { id: clinicId = '' } = await newClinic(account.owner.api);
    harness.identity.deleteUser(account.owner.userId);
    const directory = harness.directory();
    const params = { path: { accountId: account.accountId } };
    expect(answered(await directory.GET(KEYS, { params })).map(({ id }) => id)).toEqual([keyId]);
    answered(await directory.DELETE(KEY, { params: { path: { ...params.path, keyId } } }));
    expect(answered(await directory.GET(KEYS, { params }))[0]?.revokedTime).toBeDefined();
    const refused = await harness.withKey(key).GET(CLINIC, { params: { path: { clinicId } } });
    expect([statusOf(refused), refused.error?.message]).toEqual([401, expect.stringMatching(/revoked/)]);
  });
});
