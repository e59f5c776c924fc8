import { newAccount } from './accounts.ts';
import { answered, type Harness, newClinic, startHarness, statusOf } from './harness.ts';

const CLINIC = '/v1/clinics/{clinicId}';
const LIMITS = [
  'ratelimit',
  'ratelimit-policy',
  'ratelimit-limit',
  'ratelimit-remaining',
  'ratelimit-reset',
  'retry-after',
];

/** A practice with a key, on copies that differ in their limits. */
async function practice(harness: Harness) {
  const account = await newAccount(harness);
  const { key, id } = await account.newKey();
  const { id: clinicId = '' } = await newClinic(account.owner.api);
  const params = { path: { clinicId } };
  return { account, key, keyId: id, params };
}

const seen = ({ response }: { response: Response }): Record<string, string | number | null> => ({
  status: response.status,
  ...Object.fromEntries(LIMITS.map((name) => [name, response.headers.get(name)])),
});

describe('with limits', () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness({ RATE_LIMIT_PER_KEY: '3', RATE_LIMIT_PER_USER: '50' });
  });
  afterAll(() => harness.close());

  test('a key is told how much it has left, and to wait when it has nothing', async () => {
    const { key, params } = await practice(harness);
    const api = harness.withKey(key);
    const answers = [];
    for (let times = 0; times < 4; times++) answers.push(await api.GET(CLINIC, { params }));
    expect(answers.map(seen).map(({ status, ...headers }) => [status, headers['ratelimit-remaining']])).toEqual([
      [200, '2'],
      [200, '1'],
      [200, '0'],
      [429, '0'],
    ]);
    const [first, last] = [answers[0], answers[3]].map((answer) => answer && seen(answer));
    expect(first).toMatchObject({ 'ratelimit-policy': '"key";q=3;w=60', 'ratelimit-limit': '3', 'retry-after': null });
    expect(first?.ratelimit).toMatch(/^"key";r=2;t=\d+$/);
    expect(last?.ratelimit).toMatch(/^"key";r=0;t=\d+$/);
    expect(Number(last?.['retry-after'])).toBeGreaterThan(0);
    expect(Number(last?.['retry-after'])).toBeLessThanOrEqual(60);
    expect(answers[3]?.error).toEqual({
      message: expect.stringMatching(/more than 3 requests by this API key in a minute/),
    });
  });

  test('each key has its own, and a key that was replaced shares that of the new one', async () => {
    const { account, key, keyId, params } = await practice(harness);
    const path = { accountId: account.accountId, keyId };
    const asOwner = harness.account({ token: `user:${account.owner.userId}` });
    const rotated = answered(
      await asOwner.POST('/caregate/v1/accounts/{accountId}/api_keys/{keyId}/rotate', {
        params: { path },
        body: { graceSeconds: 60 },
      }),
    );
    const statuses = [];
    for (const each of [key, rotated.key, key, rotated.key])
      statuses.push(statusOf(await harness.withKey(each).GET(CLINIC, { params })));
    expect(statuses).toEqual([200, 200, 200, 429]);
    expect(statusOf(await harness.withKey((await account.newKey()).key).GET(CLINIC, { params }))).toBe(200);
  });

  test('users have one of their own; services are not counted', async () => {
    const { account, params } = await practice(harness);
    const byUser = seen(await account.owner.api.GET(CLINIC, { params }));
    expect(byUser).toMatchObject({ status: 200, 'ratelimit-policy': '"user";q=50;w=60' });
    for (let times = 0; times < 60; times++)
      expect(seen(await harness.asService().GET(CLINIC, { params }))).toMatchObject({ status: 200, ratelimit: null });
  });

  test('what was refused is counted', async () => {
    const { body } = await harness.send('/metrics');
    expect(String(body)).toMatch(/caregate_rate_limited_total\{by="key"\} [1-9]/);
  });
});

test('addresses can be limited, whoever calls, and keys need not be', async () => {
  const harness = await startHarness({
    RATE_LIMIT_PER_ADDRESS: '4',
    RATE_LIMIT_PER_KEY: '0',
    TRUSTED_PROXIES: '127.0.0.1',
  });
  try {
    const ask = async (address: string) => {
      const { status, headers } = await harness.send('/v1/clinics', {
        token: 'nobody',
        headers: { 'x-forwarded-for': address },
      });
      return [status, headers.get('ratelimit-policy')];
    };
    for (let times = 0; times < 4; times++) expect(await ask('203.0.113.7')).toEqual([401, '"address";q=4;w=60']);
    expect(await ask('203.0.113.7')).toEqual([429, '"address";q=4;w=60']);
    expect(await ask('203.0.113.8')).toEqual([401, '"address";q=4;w=60']);
    expect((await harness.send('/ready')).status).toBe(200);
  } finally {
    await harness.close();
  }
});

test('unless somebody says otherwise, users and services see nothing of limits', async () => {
  const harness = await startHarness();
  try {
    const { account, key, params } = await practice(harness);
    const nothing = { status: 200, ...Object.fromEntries(LIMITS.map((name) => [name, null])) };
    expect(seen(await account.owner.api.GET(CLINIC, { params }))).toEqual(nothing);
    expect(seen(await harness.asService().GET(CLINIC, { params }))).toEqual(nothing);
    expect(seen(await harness.withKey(key).GET(CLINIC, { params }))).toMatchObject({ 'ratelimit-limit': '60000' });
  } finally {
    await harness.close();
  }
});
