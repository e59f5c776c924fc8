import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { basic, call, eventually, session, confirmed } from '@caregate/demo';
import { type App, freePort, type Platform, type Servers, startApp, startServers, startShards } from '@caregate/stack';
import { CaregateClient, type CaregateClientOptions } from '@caregate/client';
import * as shardLib from '@caregate/shard';
import { MongoClient } from 'mongodb';
import { leaveNoDatabases } from './leave-nothing.ts';
import { readmeExample } from './readme-example.ts';

// Every sentence of the source "Sharding" is the name of a test here; what it calls Cliniko is Caregate.

const prefix = `src${randomBytes(3).toString('hex')}_`;
const PASSWORD = 'correct horse battery staple';
const MINUTE = 60_000;
/** Where the built apps are, if not in this workspace. */
const dist = process.env.MOVE_DIST;

let servers: Servers;
let platform: Platform;
let mongo: MongoClient;

/** A practice that signed up, with a key, a clinic and a patient. */
interface Practice {
  readonly subdomain: string;
  readonly accountId: string;
  readonly shard: string;
  readonly urls: { readonly account: string; readonly api: string };
  readonly email: string;
  readonly token: string;
  readonly key: string;
  readonly clinicId: string;
  readonly patientId: string;
  readonly patientName: string;
}

let australian: Practice;
let british: Practice;
let canadian: Practice;
/** Signed up as good-healthy-times, on au3. */
let example: Practice;

beforeAll(async () => {
  servers = await startServers({ only: ['mongod'] });
  platform = await startShards(servers, {
    shards: ['au1', 'au3', 'uk1', 'ca1'],
    prefix,
    only: ['clinic-api', 'directory'],
    ...(dist !== undefined && { dist }),
    env: (app): Record<string, string> => (app === 'directory' ? { MOVE_GRACE_SECONDS: '1' } : {}),
  });
  mongo = await MongoClient.connect(servers.mongodbUri);
  australian = await newPractice('au', 'sydney-smiles');
  example = await newPractice('au', 'good-healthy-times');
  british = await newPractice('uk', 'calm-thames');
  canadian = await newPractice('ca', 'maple-care');
}, 300_000);

afterAll(async () => {
  await platform?.stop();
  await leaveNoDatabases(servers, prefix);
  await mongo?.close();
  await servers?.stop();
}, MINUTE);

describe('Sharding', () => {
  test('Sharding is the term we use to define regionally/geographically isolated instances of Cliniko.', async () => {
    expect(await placesOf(australian.patientName)).toEqual([platform.shard('au1').database]);
    expect(await placesOf(british.patientName)).toEqual([platform.shard('uk1').database]);
    await without(platform.shard('uk1').api, async () => {
      expect((await patientOf(australian)).status).toBe(200);
    });
    expect((await patientOf(british)).status).toBe(200);
  });

  test("When new accounts sign up, they'll be able to choose the region in which their account data is hosted.", async () => {
    const regions = (await call({ url: `${platform.directory.url}/caregate/v1/regions` })).body;
    expect(regions).toEqual([
      { id: 'au', name: 'Australia', dataLocation: 'Your data is stored in Australia.', shards: ['au1', 'au3'] },
      { id: 'uk', name: expect.any(String), dataLocation: expect.stringContaining('United Kingdom'), shards: ['uk1'] },
      { id: 'ca', name: expect.any(String), dataLocation: expect.any(String), shards: ['ca1'] },
    ]);
    expect([australian, british, canadian].map(({ shard }) => shard)).toEqual(['au1', 'uk1', 'ca1']);
  });

  test('Cliniko will then decide which shard within that region their account will live on.', async () => {
    const placed = [await signUp('au', 'one-of-four'), await signUp('au', 'two-of-four')].map(({ shard }) => shard);
    expect(placed.toSorted()).toEqual(['au1', 'au3']);
    const { status } = await signUpAnswer('au', 'chooses-a-shard', { shard: 'uk1' });
    expect(status).toBe(201);
    expect((await locationOf('chooses-a-shard')).shard).toMatch(/^au/);
  });
});

describe('Why is Cliniko sharded?', () => {
  test('Some jurisdictions require medical data to remain within the country/region', async () => {
    for (const [practice, shard] of [
      [australian, 'au1'],
      [british, 'uk1'],
      [canadian, 'ca1'],
    ] as const)
      expect(await placesOf(practice.patientName)).toEqual([platform.shard(shard).database]);
    const logs = await Promise.all(platform.apps.map((app) => app.lastLines(10_000)));
    expect(logs.flat().filter((line) => line.includes(british.patientName))).toEqual([]);
  });

  test('Lower end-user latency', async () => {
    // Nothing stands between an account's address and its own shard, so no request goes around the world.
    const others = [platform.directory, platform.shard('au1').api, platform.shard('ca1').api];
    await without(others, async () => {
      expect(
        (await call({ url: `${british.urls.account}${pathOf(british)}`, headers: basic(british.key) })).status,
      ).toBe(200);
      expect((await call({ url: `${british.urls.api}${pathOf(british)}`, headers: basic(british.key) })).status).toBe(
        200,
      );
    });
  });

  test('Better performance and scalability', async () => {
    // One more shard takes its part of the load, and shares nothing with the others: neither a process nor a database.
    expect([australian.shard, example.shard]).toEqual(['au1', 'au3']);
    await without(platform.shard('au1').api, async () => {
      expect((await patientOf(example)).status).toBe(200);
    });
    expect(await placesOf(australian.clinicId)).toEqual([platform.shard('au1').database]);
  });
});

describe('How does this impact you?', () => {
  test('All Cliniko accounts exist in a specific shard which contains all the data relevant to that account.', async () => {
    const ids = [british.accountId, british.clinicId, british.patientId, british.email];
    for (const id of ids)
      expect((await placesOf(id)).filter((name) => name !== `${prefix}directory`)).toEqual([
        platform.shard('uk1').database,
      ]);
    expect(await locationOf(british.subdomain)).toMatchObject({ shard: 'uk1', region: 'uk' });
  });

  test('The account must be accessed using a shard specific URL including the accounts unique Cliniko subdomain, eg good-healthy-times.au3.cliniko.com.', async () => {
    expect(new URL(example.urls.account).hostname).toBe(`good-healthy-times.au3.${platform.domain}`);
    expect((await patientAt('good-healthy-times.au3', 'au3', example)).status).toBe(200);
    expect((await signUpAnswer('uk', 'good-healthy-times')).status).toBe(409);
  });

  test("Trying to access a different shard with the account's subdomain will not work, eg good-healthy-times.uk1.cliniko.com will fail.", async () => {
    expect((await patientAt('good-healthy-times.uk1', 'uk1', example)).status).toBe(404);
    expect((await patientAt('good-healthy-times.uk1', 'au3', example)).status).toBe(421);
    expect((await patientAt('good-healthy-times.au1', 'au1', example)).status).toBe(404);
  });

  test('New users will be able to choose their region upon signing up to Cliniko.', async () => {
    const page = String((await call({ url: `${platform.directory.url}/sign-up` })).body);
    for (const region of ['au', 'uk', 'ca']) expect(page).toContain(`name="region" value="${region}"`);
    const answer = await signUpAnswer('nz', 'no-region');
    expect([answer.status, answer.body]).toEqual([
      400,
      { message: expect.stringContaining('region must be one of au, uk, ca') },
    ]);
  });

  describe('moves', () => {
    let moving: Practice;
    beforeAll(async () => {
      moving = await newPractice('uk', 'moves-about');
      const started = await call({
        method: 'POST',
        url: `${platform.directory.url}/caregate/v1/accounts/moves-about/moves`,
        headers: { authorization: `Bearer ${platform.operatorToken}` },
        body: { to: 'ca1' },
      });
      expect(started.status).toBe(201);
      await eventually('the account has moved', async () => (await locationOf('moves-about')).shard === 'ca1', MINUTE);
      await eventually('uk1 knows it', async () => (await patientOf(moving)).status === 401);
    }, 2 * MINUTE);

    test('We will also make it possible to move a Cliniko account from one region to another on request.', async () => {
      expect(await locationOf('moves-about')).toMatchObject({ shard: 'ca1', state: 'active' });
      const there = await patientAt('api.ca1', 'ca1', moving, `${secretOf(moving.key)}-ca1`);
      expect([there.status, there.body]).toEqual([200, expect.objectContaining({ fullName: moving.patientName })]);
    });

    test('Any account that does move shards will need to access Cliniko with the new shard in their URL.', async () => {
      const old = await patientAt('moves-about.uk1', 'uk1', moving);
      const port = platform.shard('ca1').api.port;
      expect([old.status, old.headers['location']]).toEqual([
        301,
        `http://moves-about.ca1.${platform.domain}:${port}${pathOf(moving)}`,
      ]);
      const byKey = await patientAt('api.uk1', 'uk1', moving);
      expect([byKey.status, byKey.headers['caregate-shard']]).toEqual([401, 'ca1']);
      expect((await patientAt('moves-about.ca1', 'ca1', moving, `${secretOf(moving.key)}-ca1`)).status).toBe(200);
    });
  });

  test('As the shard determines where an accounts data is stored it means that any integrator must know and use the shard when interacting with the Cliniko API.', async () => {
    for (const practice of [australian, british, canadian, example]) {
      const { shardId } = shardLib.parseApiKey(practice.key);
      expect(shardId).toBe(practice.shard);
      expect((await patientAt(`api.${shardId}`, practice.shard, practice)).status).toBe(200);
    }
  });

  test("Using a shard which doesn't match the account's shard, or missing the shard altogether, will not work.", async () => {
    const wrong = await patientAt('api.au1', 'au1', british);
    expect([wrong.status, wrong.body]).toEqual([401, { message: expect.stringContaining('api.uk1.localhost') }]);
    expect((await patientAt('calm-thames.au1', 'au1', british)).status).toBe(404);
    const missing = await call({
      url: `http://calm-thames.${platform.domain}:${platform.shard('uk1').api.port}${pathOf(british)}`,
      headers: basic(british.key),
    });
    expect(missing.status).toBe(404);
    expect((await unsharded('GET', british)).status).toBe(301);
  });
});

describe('API keys and API URLs', () => {
  test('To make is easy for integrators to know which shard to choose for an account the shard ID is appended to the end of all API keys.', async () => {
    for (const practice of [australian, british, canadian, example])
      expect(practice.key).toMatch(new RegExp(`-${practice.shard}$`));
    const rotated = await call({
      method: 'POST',
      url: `${canadian.urls.account}/caregate/v1/accounts/${canadian.accountId}/api_keys/${await keyIdOf(canadian)}/rotate`,
      headers: session(canadian.token),
      body: { graceSeconds: 3600 },
    });
    expect([rotated.status, rotated.body]).toEqual([
      201,
      expect.objectContaining({ key: expect.stringMatching(/-ca1$/) }),
    ]);
  });

  test('MS0xLWl4SzYYYYdtR3V2HNOTAREALKEYwvNHI2d2xHHHHjLXuytrF0ZV9sdeW0pd-au1', () => {
    const key = 'MS0xLWl4SzYYYYdtR3V2HNOTAREALKEYwvNHI2d2xHHHHjLXuytrF0ZV9sdeW0pd-au1';
    expect(shardLib.parseApiKey(key)).toEqual({ secret: key.slice(0, -'-au1'.length), shardId: 'au1' });
  });

  test('The characters after the dash tell you which shard this API key may be used against.', async () => {
    const [secret, suffix] = british.key.split('-');
    expect([suffix, secret?.includes('-')]).toEqual(['uk1', false]);
    for (const shard of ['au1', 'au3', 'ca1', 'uk1'])
      expect([shard, (await patientAt(`api.${shard}`, shard, british)).status]).toEqual([
        shard,
        shard === suffix ? 200 : 401,
      ]);
  });

  test('When a Cliniko user supplies their API key, you will need to use the shard ID when making API requests on behalf of users of that account.', async () => {
    const told: string[] = [];
    for (const practice of [british, example]) {
      const client = clientOf({
        apiKey: practice.key,
        fetch: async (url, init) => (told.push(new URL(String(url)).port), fetch(url, init)),
      });
      expect((await client.fetch(pathOf(practice))).status).toBe(200);
    }
    expect(told).toEqual([british, example].map(({ shard }) => String(platform.shard(shard).api.port)));
  });

  describe('For example:', () => {
    const routed = async (practice: () => Practice, shard: string) => {
      const { key } = practice();
      const client = new CaregateClient({
        apiKey: key,
        contact,
        domain: 'cliniko.com',
        fetch: async (url) => {
          const { origin, pathname } = new URL(String(url));
          expect(origin).toBe(`https://api.${shard}.cliniko.com`);
          return fetch(`http://127.0.0.1:${platform.shard(shard).api.port}${pathname}`, { headers: basic(key) });
        },
      });
      expect((await client.fetch(pathOf(practice()))).status).toBe(200);
    };

    test('An API key ending -uk1 must have all API requests routed to https://api.uk1.cliniko.com', () =>
      routed(() => british, 'uk1'));

    test('An API key ending -ca1 must have all API requests routed to https://api.ca1.cliniko.com', () =>
      routed(() => canadian, 'ca1'));

    test('An API key ending -au1 should have all API requests routed to https://api.au1.cliniko.com', () =>
      routed(() => australian, 'au1'));
  });

  test("The API key is passed in the Basic authorization header, just as you do now: b64($API_KEY + ':') and you may include or exclude the hyphenated shard ID.", async () => {
    const with64 = (text: string) =>
      call({ url: `${british.urls.api}${pathOf(british)}`, headers: { authorization: `Basic ${btoa(text)}` } });
    expect((await with64(`${british.key}:`)).status).toBe(200);
    expect((await with64(`${secretOf(british.key)}:`)).status).toBe(200);
    for (const wrong of [`${secretOf(british.key)}-:`, `${british.key}x:`, `:${british.key}`, ':'])
      expect((await with64(wrong)).status).toBe(401);
  });

  test('That is, if you make an API request using either MS0xLWl4SzYY-uk1 or MS0xLWl4SzYY, the request will succeed.', async () => {
    for (const key of [`${secretOf(british.key)}-uk1`, secretOf(british.key)])
      expect((await patientAt('api.uk1', 'uk1', british, key)).status).toBe(200);
  });

  test("You just need to ensure you're sending the request to the correct shard (in this case, uk1).", async () => {
    for (const key of [british.key, secretOf(british.key)])
      for (const shard of ['au1', 'au3', 'ca1'])
        expect((await patientAt(`api.${shard}`, shard, british, key)).status).toBe(401);
  });
});

describe('Older API keys', () => {
  const OLD = 'MS0xLWl4SzYYofTheTimeBeforeShards';
  let said: string;
  beforeAll(async () => {
    said = await importByCommand(australian.subdomain, OLD);
  }, MINUTE);

  test('Any API keys generated prior to the introduction of sharding may not include the shard suffix but they will all belong to the au1 shard.', async () => {
    expect(said).toBe('keys: 1 imported, 0 there already, 0 refused\n');
    expect((await patientAt('api.au1', 'au1', australian, OLD)).status).toBe(200);
    expect((await patientAt('api.uk1', 'uk1', australian, OLD)).status).toBe(401);
    const elsewhere = await importKey('uk1', british.subdomain, OLD);
    expect([elsewhere.status, elsewhere.body]).toEqual([409, { message: expect.stringContaining('belong to au1') }]);
    const logs = await Promise.all(platform.apps.map((app) => app.lastLines(10_000)));
    expect(logs.flat().filter((line) => line.includes(OLD))).toEqual([]);
    expect(await placesOf(OLD)).toEqual([]);
  });

  describe('The key can effectively be written as:', () => {
    test('{THE_API_KEY_VALUE}-au1', async () => {
      expect((await patientAt('api.au1', 'au1', australian, `${OLD}-au1`)).status).toBe(200);
      expect(shardLib.formatApiKey({ secret: OLD, shardId: shardLib.DEFAULT_SHARD })).toBe(`${OLD}-au1`);
    });
  });

  test('For existing API keys, you should be using the default shard au1.', async () => {
    const client = clientOf({ apiKey: OLD });
    expect([client.shardId, client.apiKey]).toEqual(['au1', `${OLD}-au1`]);
    expect((await client.fetch(pathOf(australian))).status).toBe(200);
  });

  test('Eventually the current Cliniko API URL will start redirecting with a 301, only responding to requests on the sharded routes.', async () => {
    const old = await unsharded('GET', australian, OLD);
    const au1 = `http://api.au1.${platform.domain}:${platform.shard('au1').api.port}`;
    expect([old.status, old.headers['location']]).toEqual([301, `${au1}${pathOf(australian)}`]);
    expect((await call({ url: String(old.headers['location']), headers: basic(OLD) })).status).toBe(200);
    const written = await unsharded('POST', british);
    expect([written.status, String(written.headers['location'])]).toEqual([308, expect.stringContaining('//api.uk1.')]);
    expect(await placesOf('Written without a shard')).toEqual([]);
  });

  test('(until then, for a time of grace, that address can serve them, and says that it is deprecated)', async () => {
    const { env } = platform.directory;
    const grace = await startApp({
      name: 'directory',
      label: `${prefix}directory-grace`,
      env: { ...env, PORT: String(await freePort()), UNSHARDED_MODE: 'proxy' },
      logs: servers.run.logs,
      ...(dist !== undefined && { dist }),
    });
    try {
      const at = (key: string, method: string, path: string, body?: unknown) =>
        call({
          method,
          url: `http://api.${platform.domain}:${grace.port}${path}`,
          headers: basic(key),
          ...(body !== undefined && { body }),
        });
      for (const [practice, key] of [
        [australian, OLD],
        [british, british.key],
      ] as const) {
        const read = await at(key, 'GET', pathOf(practice));
        expect([read.status, read.body]).toEqual([200, expect.objectContaining({ fullName: practice.patientName })]);
        expect(read.headers['deprecation']).toMatch(/^@\d+$/);
        const changed = { fullName: practice.patientName, birthDate: '1985-04-12', mrn: 'BY-GRACE' };
        expect((await at(key, 'PUT', pathOf(practice), changed)).status).toBe(200);
        expect((await patientOf(practice)).body).toMatchObject({ mrn: 'BY-GRACE' });
      }
      const logs = await grace.lastLines(10_000);
      expect(logs.filter((line) => line.includes(OLD) || line.includes(british.patientName))).toEqual([]);
    } finally {
      await grace.stop();
    }
  });
});

describe('Code examples', () => {
  test('While these examples are not designed to work, they should give you a good idea of how your API key usage should change.', async () => {
    // Ours work, as they stand in the READMEs of both libs: a key is saved, and used from what was saved.
    for (const lib of ['shard', 'client']) {
      const saved: Record<string, unknown>[] = [];
      const integrations = {
        save: async (record: Record<string, unknown>) => saved.push(record),
        findOne: async () => saved[0],
      };
      await readmeExample(lib, 'saveApiKey', { lib: libs[lib], integrations })(british.key, british.accountId);
      const ask = readmeExample(lib, 'requestPatient', { lib: libs[lib], integrations, fetch: fetchOnPlatform });
      expect(await ask(british.clinicId, british.patientId, british.accountId)).toMatchObject({
        fullName: british.patientName,
      });
    }
  });

  test.each(['shard', 'client'])('Saving an API key: the example of libs/%s', async (lib) => {
    const saved: Record<string, unknown>[] = [];
    const save = readmeExample(lib, 'saveApiKey', {
      lib: libs[lib],
      integrations: { save: async (record: Record<string, unknown>) => saved.push(record) },
    });
    await save(british.key, 1);
    await save('MS0xLWl4SzYY', 2); // If no shard ID supplied, default it in.
    expect(saved.map(({ accountId, shardId }) => [accountId, shardId])).toEqual([
      [1, 'uk1'],
      [2, 'au1'],
    ]);
    for (const wrong of ['MS0x-LWl4SzYY-uk1', 'MS0xLWl4SzYY-united', 'MS0xLWl4SzYY-1uk', '-uk1', ''])
      await expect(save(wrong, 3)).rejects.toThrow(shardLib.InvalidApiKey);
    expect(saved).toHaveLength(2);
  });

  test.each(['shard', 'client'])('Using an API key: the example of libs/%s', async (lib) => {
    const asked: Request[] = [];
    const heard: typeof fetch = async (url, init) => {
      asked.push(new Request(url, init));
      return fetchOnPlatform(url, init);
    };
    const old = 'MS0xLWl4SzYYusedByTheExample';
    await importKey('au1', australian.subdomain, old);
    // If you don't have a shard ID saved, use the default au1.
    const integrations = { findOne: async () => ({ apiKey: old }), save: async () => undefined };
    const surroundings = { lib: lib === 'client' ? clientLib(heard) : shardLib, integrations, fetch: heard };
    const ask = readmeExample(lib, 'requestPatient', surroundings);
    expect(await ask(australian.clinicId, australian.patientId, 1)).toMatchObject({ fullName: australian.patientName });
    expect(asked).toHaveLength(1);
    expect(new URL(asked[0]?.url ?? '').host).toBe('api.au1.caregate.example');
    expect(asked[0]?.headers.get('user-agent')).toBe('Your name (integrations@example.com)');
    expect(atob(asked[0]?.headers.get('authorization')?.slice('Basic '.length) ?? '')).toBe(`${old}-au1:`);
  });
});

const contact = 'Your name (integrations@example.com)';
const secretOf = (key: string) => key.split('-')[0] ?? '';
const pathOf = ({ clinicId, patientId }: Practice) => `/v1/clinics/${clinicId}/patients/${patientId}`;

/** The practice's patient, asked for by its key at a host under the domain, whichever shard's API is reached there. */
const patientAt = (host: string, reached: string, practice: Practice, key = practice.key) =>
  call({
    url: `http://${host}.${platform.domain}:${platform.shard(reached).api.port}${pathOf(practice)}`,
    headers: basic(key),
  });
const patientOf = (practice: Practice) => patientAt(`api.${practice.shard}`, practice.shard, practice);

/** A request to the address without a shard. */
const unsharded = (method: string, practice: Practice, key = practice.key) =>
  call({
    method,
    url: `http://api.${platform.domain}:${platform.directory.port}${pathOf(practice)}`,
    headers: basic(key),
    ...(method === 'POST' && { body: { fullName: 'Written without a shard' } }),
  });

async function importKey(shard: string, subdomain: string, key: string) {
  const granted = await call({
    method: 'POST',
    url: `${platform.directory.url}/caregate/v1/accounts/${subdomain}/key_import_tokens`,
    headers: { authorization: `Bearer ${platform.operatorToken}` },
  });
  const { token } = granted.body as { token: string }; // as the directory's contract says
  return call({
    method: 'POST',
    url: `${platform.shard(shard).api.url}/caregate/v1/imported_api_keys`,
    headers: { authorization: `Bearer ${token}` },
    body: { subdomain, keys: [{ key, name: 'Of old' }] },
  });
}

/** As an operator does it, with a file. */
async function importByCommand(subdomain: string, key: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'caregate-keys-'));
  const file = join(folder, 'keys.csv');
  await writeFile(file, `key,name\n${key},Of old\n`);
  const env = {
    ...process.env,
    SHARD_URL: platform.shard('au1').api.url,
    DIRECTORY_URL: platform.directory.url,
    OPERATOR_TOKEN: platform.operatorToken,
  };
  const command = join(import.meta.dirname, '../../caregate/src/main.ts');
  try {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [command, 'keys', 'import', '--account', subdomain, '--file', file],
      { env },
    );
    return stdout;
  } finally {
    await rm(folder, { recursive: true });
  }
}

const apiUrlOf = (shard: string) => `http://127.0.0.1:${platform.shard(shard).api.port}`;
const clientOf = (options: Omit<CaregateClientOptions, 'contact'>) =>
  new CaregateClient({ contact, apiUrlOf, ...options });

/** What the examples call the service's domain is this platform. */
const fetchOnPlatform: typeof fetch = (url, init) => {
  const { host, pathname } = new URL(url instanceof Request ? url.url : url);
  return fetch(apiUrlOf(host.split('.')[1] ?? '') + pathname, init);
};

/** The client lib with its `fetch` led to this platform. */
const clientLib = (given: typeof fetch) => ({
  CaregateClient: class extends CaregateClient {
    constructor(options: CaregateClientOptions) {
      super({ ...options, fetch: given });
    }
  },
});
const libs: Record<string, unknown> = { shard: shardLib, client: clientLib(fetchOnPlatform) };

/** Databases of this platform that hold a text anywhere. */
async function placesOf(text: string): Promise<string[]> {
  const { databases } = await mongo.db().admin().listDatabases({ nameOnly: true });
  const found: string[] = [];
  for (const { name } of databases.filter((each) => each.name.startsWith(prefix))) {
    const collections = await mongo.db(name).listCollections({ type: 'collection' }).toArray();
    const kept = await Promise.all(collections.map((each) => mongo.db(name).collection(each.name).find().toArray()));
    if (JSON.stringify(kept).includes(text)) found.push(name);
  }
  return found;
}

/** Does something while apps do not answer, and lets them go on. */
async function without(apps: App | readonly App[], work: () => Promise<void>): Promise<void> {
  const pids = [apps].flat().map(({ pid }) => pid ?? 0);
  expect(pids).not.toContain(0);
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  try {
    await work();
  } finally {
    for (const pid of pids) process.kill(pid, 'SIGCONT');
  }
}

interface Account {
  readonly accountId: string;
  readonly shard: string;
  readonly region: string;
  readonly state: string;
  readonly urls: { readonly account: string; readonly api: string };
}

const signUpAnswer = (region: string, subdomain: string, more = {}) =>
  call({
    method: 'POST',
    url: `${platform.directory.url}/caregate/v1/accounts`,
    body: {
      subdomain,
      region,
      name: `The practice ${subdomain}`,
      owner: { email: `owner@${subdomain}.example`, fullName: 'Dana Owner', password: PASSWORD },
      ...more,
    },
  });

async function signUp(region: string, subdomain: string): Promise<Account> {
  const { status, body } = await signUpAnswer(region, subdomain);
  expect([status, body]).toEqual([201, expect.objectContaining({ state: 'unconfirmed' })]);
  return body as Account; // as the contract says
}

async function locationOf(subdomain: string): Promise<Account> {
  const { body } = await call({
    url: `${platform.directory.url}/caregate/v1/accounts/${subdomain}`,
    headers: { authorization: `Bearer ${platform.operatorToken}` },
  });
  return body as Account; // as the contract says
}

async function newPractice(region: string, subdomain: string): Promise<Practice> {
  const { accountId, shard, urls } = await signUp(region, subdomain);
  await confirmed(platform.shard(shard), { accountId }, PASSWORD);
  const email = `owner@${subdomain}.example`;
  const { token } = await made('/caregate/v1/sessions', {}, { email, password: PASSWORD });
  const key = await made(`/caregate/v1/accounts/${accountId}/api_keys`, session(String(token)), {
    name: 'Integration',
  });
  const clinic = await made('/v1/clinics', basic(String(key['key'])), {
    name: subdomain,
    country: 'AU',
    preferredBgUnits: 'mmol/L',
  });
  const patientName = `Pat of ${subdomain}`;
  const patient = await made(`/v1/clinics/${String(clinic['id'])}/patients`, basic(String(key['key'])), {
    fullName: patientName,
    birthDate: '1985-04-12',
  });
  return {
    subdomain,
    accountId,
    shard,
    urls,
    email,
    token: String(token),
    key: String(key['key']),
    clinicId: String(clinic['id']),
    patientId: String(patient['id']),
    patientName,
  };

  async function made(path: string, headers: Record<string, string>, body: unknown): Promise<Record<string, unknown>> {
    const answer = await call({ method: 'POST', url: urls.account + path, headers, body });
    expect([path, answer.status < 300]).toEqual([path, true]);
    return answer.body as Record<string, unknown>; // what is made is an object
  }
}

async function keyIdOf({ urls, accountId, token }: Practice): Promise<string> {
  const { body } = await call({
    url: `${urls.account}/caregate/v1/accounts/${accountId}/api_keys`,
    headers: session(token),
  });
  return (body as { id: string }[])[0]?.id ?? ''; // a list of keys
}
