import { randomUUID } from 'node:crypto';
import { newAccount, type TestAccount } from './accounts.ts';
import { answered, type Harness, newClinic, startHarness, statusOf } from './harness.ts';

const CLINIC = '/v1/clinics/{clinicId}';
const KEYS = '/caregate/v1/accounts/{accountId}/api_keys';
const KEY = '/caregate/v1/accounts/{accountId}/api_keys/{keyId}';

/** What is promised of a revocation: that every copy of the API knows it within a second. */
const PROMISED_MS = 1_000;

/** Two copies of the API on one database. */
let copies: readonly [Harness, Harness];
let account: TestAccount;
let clinicId: string;
beforeAll(async () => {
  const first = await startHarness();
  copies = [first, await startHarness({ MONGODB_URI: first.uri, IDENTITY_URL: first.identity.url })];
  account = await newAccount(first);
  const { key } = await account.newKey();
  ({ id: clinicId = '' } = await newClinic(first.withKey(key)));
});
afterAll(async () => {
  for (const copy of [...copies].reverse()) await copy.close();
});

const admin = (copy: Harness) => copy.account({ token: `user:${account.owner.userId}` });
const path = () => ({ accountId: account.accountId });
const ask = (copy: Harness, key: string) => copy.withKey(key).GET(CLINIC, { params: { path: { clinicId } } });
const listed = async () => answered(await admin(copies[0]).GET(KEYS, { params: { path: path() } }));
const rotate = async (copy: Harness, keyId: string, body?: { graceSeconds: number }) =>
  answered(await admin(copy).POST(`${KEY}/rotate`, { params: { path: { ...path(), keyId } }, ...(body && { body }) }));

/** Passes when a key is refused by a copy as soon as is promised, with a reason. */
async function refusedInTime(copy: Harness, key: string, reason: RegExp): Promise<void> {
  const end = performance.now() + PROMISED_MS;
  for (;;) {
    const { response, error } = await ask(copy, key);
    if (response.status === 401) return expect(error?.message).toMatch(reason);
    if (performance.now() > end) throw new Error(`the key still works after ${PROMISED_MS} ms`);
  }
}

test('a key is listed with its name, its last four characters and its last use, and is shown only once', async () => {
  const made = answered(await admin(copies[0]).POST(KEYS, { params: { path: path() }, body: { name: 'Lab import' } }));
  const entry = async () => (await listed()).find(({ id }) => id === made.id);
  expect(await entry()).toEqual({
    id: made.id,
    name: 'Lab import',
    last4: made.key.split('-')[0]?.slice(-4),
    createdBy: account.owner.userId,
    createdTime: made.createdTime,
  });
  answered(await ask(copies[1], made.key));
  expect(Date.parse((await entry())?.lastUsedTime ?? '')).toBeGreaterThanOrEqual(Date.parse(made.createdTime));
  expect(JSON.stringify(await listed())).not.toContain(made.key.split('-')[0]);
});

test('a key that is revoked through one copy is refused by the other within a second', async () => {
  const { id, key } = await account.newKey();
  for (const copy of copies) answered(await ask(copy, key));
  answered(await admin(copies[0]).DELETE(KEY, { params: { path: { ...path(), keyId: id } } }));
  await refusedInTime(copies[1], key, /was revoked/);
  await refusedInTime(copies[0], key, /was revoked/);
});

test('a key that is rotated through one copy is refused by the other within a second, and the new one works there', async () => {
  const { id, key } = await account.newKey();
  for (const copy of copies) answered(await ask(copy, key));
  const rotated = await rotate(copies[0], id);
  expect(rotated.id).toBe(id);
  await refusedInTime(copies[1], key, /unknown on this shard/);
  answered(await ask(copies[1], rotated.key));
});

describe('a key that is rotated with a time of grace', () => {
  test('works beside the new one until then, on every copy, and both are listed', async () => {
    const { id, key } = await account.newKey();
    const rotated = await rotate(copies[0], id, { graceSeconds: 3_600 });
    for (const copy of copies) for (const each of [key, rotated.key]) answered(await ask(copy, each));
    const [old] = (await listed()).filter(({ replacedBy }) => replacedBy === id);
    expect(old).toMatchObject({ last4: key.split('-')[0]?.slice(-4), lastUsedTime: expect.any(String) });
    expect(Date.parse(old?.expiresTime ?? '') - Date.parse(old?.lastUsedTime ?? '')).toBeGreaterThan(3_500_000);
    await copies[0].models.apiKeys.updateOne({ _id: old?.id }, { $set: { expiresTime: new Date() } }); // the hour goes by
    for (const copy of copies) await refusedInTime(copy, key, /was replaced by a new one/);
    answered(await ask(copies[1], rotated.key));
  });

  test('ends when the new one is revoked, or rotated without grace', async () => {
    for (const end of ['revoke', 'rotate'] as const) {
      const { id, key } = await account.newKey();
      await rotate(copies[0], id, { graceSeconds: 3_600 });
      answered(await ask(copies[1], key));
      if (end === 'revoke') await account.revoke(id);
      else await rotate(copies[0], id);
      await refusedInTime(copies[1], key, end === 'revoke' ? /was revoked/ : /was replaced/);
    }
  });

  test('cannot be rotated again by its own entry, and can be revoked alone', async () => {
    const { id, key } = await account.newKey();
    const rotated = await rotate(copies[0], id, { graceSeconds: 3_600 });
    const [old] = (await listed()).filter(({ replacedBy }) => replacedBy === id);
    const keyId = old?.id ?? '';
    const again = await admin(copies[0]).POST(`${KEY}/rotate`, { params: { path: { ...path(), keyId } } });
    expect(statusOf(again)).toBe(404);
    await account.revoke(keyId);
    await refusedInTime(copies[1], key, /was revoked/);
    answered(await ask(copies[1], rotated.key));
  });

  test.each([-1, 1.5, 7_776_001, 'long'])('has a grace that is one, not %j', async (graceSeconds) => {
    const { id } = await account.newKey();
    const answer = await copies[0].send(`/caregate/v1/accounts/${account.accountId}/api_keys/${id}/rotate`, {
      method: 'POST',
      token: `user:${account.owner.userId}`,
      body: JSON.stringify({ graceSeconds }),
    });
    expect(answer).toMatchObject({ status: 400, body: { message: expect.stringMatching(/graceSeconds/) } });
  });
});

test('a key that is sent as a bearer token is refused with the right way', async () => {
  const { key } = await account.newKey();
  const { status, body } = await copies[0].send(`/v1/clinics/${clinicId}`, {
    headers: { authorization: `Bearer ${key}` },
  });
  expect([status, body]).toEqual([
    401,
    { message: expect.stringMatching(/send an API key as the user name of Basic with an empty password/) },
  ]);
});

test('a key whose suffix names another shard is refused with the right host', async () => {
  const { key } = await account.newKey();
  const secret = key.split('-')[0] ?? '';
  answered(await ask(copies[0], secret));
  const { response, error } = await ask(copies[0], 'MS0xLWl4SzYYYYdtR3V2-uk1');
  expect([response.status, response.headers.get('caregate-shard')]).toEqual([401, 'uk1']);
  expect(error?.message).toBe('this API key belongs to shard uk1; send the request to api.uk1.localhost');
});

test('a key of this shard with the suffix of another is told the right one, whether its account ever moved or not', async () => {
  const { key } = await account.newKey();
  const { response, error } = await ask(copies[0], key.replace(/-au1$/, '-uk1'));
  expect([response.status, response.headers.get('caregate-shard')]).toEqual([401, 'au1']);
  expect(error?.message).toBe('this API key belongs to shard au1; send it with the suffix -au1');
});

test('who sends a key that is refused is told how to send one, and no browser is made to show a dialog', async () => {
  const refusedWith = async (headers: Readonly<Record<string, string>>) => {
    const { status, headers: answered } = await fetch(`${copies[0].url}/v1/clinics/${clinicId}`, { headers });
    return [status, answered.get('www-authenticate')];
  };
  const authorization = `Basic ${btoa('MS0xLWl4SzYYYYdtR3V2:')}`;
  const challenge = 'Basic realm="API key as the user name, no password", charset="UTF-8"';
  expect(await refusedWith({ authorization })).toEqual([401, challenge]);
  expect(await refusedWith({ authorization: `Basic ${btoa('"MS0xLWl4"-au1:')}` })).toEqual([401, challenge]);
  expect(await refusedWith({ authorization, cookie: 'a=b' })).toEqual([401, null]);
  expect(await refusedWith({ authorization, 'x-tidepool-session-token': 'x' })).toEqual([401, null]);
  expect(await refusedWith({ 'x-tidepool-session-token': 'x' })).toEqual([401, null]);
  expect(await refusedWith({ authorization: 'Bearer x' })).toEqual([401, null]);
});

describe('that an account is about to move', () => {
  const write = (token: string) =>
    copies[0].send(`/v1/clinics/${clinicId}/patients`, {
      method: 'POST',
      token,
      body: JSON.stringify({ fullName: 'Pat', birthDate: '1980-01-01' }),
    });

  test('is told to those who may write, and to nobody else', async () => {
    const moveId = randomUUID();
    const directory = copies[0].directory();
    const body = { moveId, fenceId: randomUUID(), forMs: 30_000, withinMs: 5_000 };
    answered(
      await directory.POST('/caregate/v1/accounts/{accountId}/departure/fence', { params: { path: path() }, body }),
    );
    try {
      const stranger = copies[0].newUser().userId;
      expect((await write(`user:${account.owner.userId}`)).status).toBe(503);
      expect((await write(`user:${stranger}`)).status).toBe(403);
      const other = await newAccount(copies[0]);
      const { key } = await other.newKey();
      expect(statusOf(await copies[0].withKey(key).DELETE(CLINIC, { params: { path: { clinicId } } }))).toBe(403);
    } finally {
      answered(
        await directory.DELETE('/caregate/v1/accounts/{accountId}/departure', {
          params: { path: path(), query: { moveId } },
        }),
      );
    }
  });
});
