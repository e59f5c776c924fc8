import { createHash } from 'node:crypto';
import { newAccount, type TestAccount } from './accounts.ts';
import { answered, type Harness, newClinic, startHarness, statusOf } from './harness.ts';

const IMPORT = '/caregate/v1/imported_api_keys';

let harness: Harness;
let account: TestAccount;
beforeAll(async () => {
  harness = await startHarness();
  account = await newAccount(harness);
});
afterAll(() => harness.close());

const bring = (keys: { key: string; name?: string }[], of = harness, { accountId, subdomain } = account) =>
  of.directory(accountId).POST(IMPORT, { body: { subdomain, keys } });
const listed = async () =>
  answered(
    await harness.account({ token: `user:${account.owner.userId}` }).GET('/caregate/v1/accounts/{accountId}/api_keys', {
      params: { path: { accountId: account.accountId } },
    }),
  );

test('keys of the time before shards work, with the suffix -au1 and without', async () => {
  const result = answered(await bring([{ key: 'oldKeyOfTheLab1', name: 'Lab' }, { key: ' oldKeyOfThePhone-AU1 ' }]));
  expect(result).toEqual({ imported: 2, present: 0, refused: [] });
  for (const key of ['oldKeyOfTheLab1', 'oldKeyOfTheLab1-au1', 'oldKeyOfThePhone']) {
    const { id: clinicId = '' } = await newClinic(harness.withKey(key), { name: key });
    expect(statusOf(await harness.withKey(key).GET('/v1/clinics/{clinicId}', { params: { path: { clinicId } } }))).toBe(
      200,
    );
  }
  expect((await listed()).map(({ name, last4, createdBy }) => [name, last4, createdBy])).toEqual(
    expect.arrayContaining([
      ['Lab', 'Lab1', account.owner.userId],
      ['Imported key', 'hone', account.owner.userId],
    ]),
  );
});

test('only hashes are kept, and what is revoked stays revoked when the file is imported again', async () => {
  answered(await bring([{ key: 'plantedSecretKey' }]));
  const secretHash = createHash('sha256').update('plantedSecretKey').digest('hex');
  const kept = await harness.connection.collection('api_keys').findOne({ secretHash });
  expect(JSON.stringify(await harness.connection.collection('api_keys').find().toArray())).not.toContain(
    'plantedSecretKey',
  );
  await account.revoke(String(kept?._id));
  expect(answered(await bring([{ key: 'plantedSecretKey' }]))).toEqual({ imported: 0, present: 1, refused: [] });
  expect(statusOf(await harness.withKey('plantedSecretKey').GET('/v1/patients'))).toBe(401);
});

test('what cannot be taken is named by its place, without a word of it; the others are taken', async () => {
  const other = await newAccount(harness);
  answered(await bring([{ key: 'keyOfAnotherAccount' }], harness, other));
  const keys = [
    '',
    'has-two-hyphens',
    'short',
    'ofAnotherShard-uk1',
    'ümlautÜmlautÜmlaut',
    'keyOfAnotherAccount',
    'goodGoodGood',
  ];
  const { imported, refused } = answered(
    await bring([...keys.map((key) => ({ key })), { key: 'longNamed'.repeat(3), name: 'x'.repeat(300) }]),
  );
  expect(imported).toBe(1);
  expect(refused.map(({ index, reason }) => [index, reason])).toEqual([
    [0, expect.stringMatching(/empty/)],
    [1, expect.stringMatching(/at most one hyphen/)],
    [2, expect.stringMatching(/less than 12 characters/)],
    [3, expect.stringMatching(/names shard uk1/)],
    [4, expect.stringMatching(/a character that no API key has/)],
    [5, expect.stringMatching(/belongs to another account/)],
    [7, expect.stringMatching(/name has more than 256/)],
  ]);
  for (const key of keys.filter((each) => each !== '')) expect(JSON.stringify(refused)).not.toContain(key);
});

test('no other shard than au1 takes them', async () => {
  const uk1 = await startHarness({ SHARD_ID: 'uk1' });
  try {
    const there = await newAccount(uk1);
    const { response, error } = await bring([{ key: 'oldKeyOfTheLab1' }], uk1, there);
    expect(response.status).toBe(409);
    expect(error?.message).toMatch(/^keys of the time before shards belong to au1, and this is uk1; import them there/);
  } finally {
    await uk1.close();
  }
});

test('only operators bring them, to accounts that are here', async () => {
  const body = { subdomain: account.subdomain, keys: [{ key: 'aKeyOfAStranger' }] };
  for (const caller of [{ token: `user:${account.owner.userId}` }, { token: 'server:any' }])
    expect(statusOf(await harness.account(caller).POST(IMPORT, { body }))).toBe(403);
  expect(statusOf(await harness.account({ bearer: 'a wrong secret' }).POST(IMPORT, { body }))).toBe(401);
  expect(statusOf(await bring([{ key: 'aKeyOfAStranger' }], harness, { ...account, subdomain: 'nobody-here' }))).toBe(
    404,
  );
  expect(statusOf(await bring([]))).toBe(400);
});

test('a token for one account brings no keys to another', async () => {
  const other = await newAccount(harness);
  const { response, error } = await bring([{ key: 'aKeyForAnotherAccount' }], harness, {
    ...other,
    accountId: account.accountId,
  });
  expect([response.status, error?.message]).toEqual([401, 'this token of the directory is for another account']);
  expect(statusOf(await harness.withKey('aKeyForAnotherAccount').GET('/v1/patients'))).toBe(401);
});
