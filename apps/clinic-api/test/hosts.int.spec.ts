import { eventually } from '@caregate/eventually';
import { newAccount, type TestAccount } from './accounts.ts';
import { basic, sendTo } from './at-host.ts';
import { answered, type Harness, newClinic, startHarness } from './harness.ts';

const DOMAIN = 'example.test';

/** Two copies of the API on one database: one that stands behind a proxy on this machine, and one that trusts nobody. */
let harness: Harness;
let trusting: Harness;
let account: TestAccount;
let key: string;
let path: string;
beforeAll(async () => {
  harness = await startHarness({ DOMAIN });
  trusting = await startHarness({
    DOMAIN,
    MONGODB_URI: harness.uri,
    IDENTITY_URL: harness.identity.url,
    TRUSTED_PROXIES: '127.0.0.1',
  });
  account = await newAccount(harness);
  ({ key } = await account.newKey());
  const { id } = await newClinic(harness.withKey(key));
  path = `/v1/clinics/${id}`;
});
afterAll(async () => {
  await trusting.close();
  await harness.close();
});

const ask = (host: string, of = harness) => sendTo(of.url + path, { host, ...basic(key) });

test('an account’s own host and the API host work, in any case and with a port', async () => {
  for (const host of [`${account.subdomain}.au1.${DOMAIN}`, `api.au1.${DOMAIN}`, `API.au1.${DOMAIN}:8080`, '127.0.0.1'])
    expect([host, (await ask(host)).status]).toEqual([host, 200]);
});

test('the host of another shard is misdirected, whether the account exists there or not', async () => {
  for (const name of [account.subdomain, 'api', 'nobody-here']) {
    const { status, body } = await ask(`${name}.uk1.${DOMAIN}`);
    expect([status, body]).toEqual([421, { message: 'this is shard au1; the host belongs to shard uk1' }]);
  }
});

test('a host that is nobody’s is not found, and nothing is said of others', async () => {
  expect(await ask(`nobody-here.au1.${DOMAIN}`)).toMatchObject({
    status: 404,
    body: { message: 'there is no account at this host' },
  });
  for (const host of [DOMAIN, `api.${DOMAIN}`, 'evil.test', `${account.subdomain}.au1.evil.test`, `a.b.au1.${DOMAIN}`])
    expect([host, (await ask(host)).status]).toEqual([host, 404]);
});

test('with the domain localhost, names under it work', async () => {
  const local = await startHarness({ MONGODB_URI: harness.uri, IDENTITY_URL: harness.identity.url });
  try {
    expect((await ask(`${account.subdomain}.au1.localhost:3000`, local)).status).toBe(200);
    expect((await ask('api.au1.localhost', local)).status).toBe(200);
    expect((await ask('localhost', local)).status).toBe(200);
    expect((await ask(`${account.subdomain}.uk1.localhost`, local)).status).toBe(421);
  } finally {
    await local.close();
  }
});

describe('behind a proxy', () => {
  const forwarded = (host: string) => ({ host: 'internal.test', 'x-forwarded-host': host, ...basic(key) });

  test('the host that a trusted one names counts, and its rules', async () => {
    const asked = async (host: string) => (await sendTo(trusting.url + path, forwarded(host))).status;
    expect(await asked(`${account.subdomain}.au1.${DOMAIN}`)).toBe(200);
    expect(await asked(`${account.subdomain}.uk1.${DOMAIN}`)).toBe(421);
    expect(await asked('evil.test')).toBe(404);
    expect(await asked(`evil.test, api.au1.${DOMAIN}`)).toBe(200); // the last is the proxy's own
  });

  test('nobody else’s word counts', async () => {
    expect((await sendTo(harness.url + path, forwarded(`api.au1.${DOMAIN}`))).status).toBe(404);
    const misled = { ...basic(key), host: `api.au1.${DOMAIN}`, 'x-forwarded-host': `api.uk1.${DOMAIN}` };
    expect((await sendTo(harness.url + path, misled)).status).toBe(200);
    const byForwarded = { host: 'internal.test', forwarded: `host=api.au1.${DOMAIN}`, ...basic(key) };
    expect((await sendTo(trusting.url + path, byForwarded)).status).toBe(404);
  });

  test('the audit holds the address of who asked, and never a text that somebody made up', async () => {
    const read = async (of: Harness, chain: string) =>
      expect(await sendTo(`${of.url}${path}/patients`, { 'x-forwarded-for': chain, ...basic(key) })).toMatchObject({
        status: 200,
      });
    await read(trusting, '198.51.100.1, 203.0.113.7');
    await read(trusting, '<b>Dana</b>');
    await read(harness, '203.0.113.8');
    const params = { path: { clinicId: path.split('/').at(-1) ?? '' } };
    const addresses = async () =>
      answered(await harness.account({ apiKey: key }).GET('/caregate/v1/clinics/{clinicId}/audit', { params }))
        .entries.filter(({ operationId }) => operationId === 'ListPatients')
        .map(({ address }) => address);
    const noted = await eventually(async () => {
      const found = await addresses();
      return found.length === 3 && found;
    }, 'all three are recorded');
    expect(noted).toEqual(['127.0.0.1', '127.0.0.1', '203.0.113.7']);
  });
});
