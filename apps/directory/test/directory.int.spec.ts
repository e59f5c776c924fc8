import { isPasswordHash } from '@caregate/identity';
import { contracts, operations, responseValidator } from '@caregate/contracts';
import { eventually } from '@caregate/eventually';
import { readDirectoryToken, readVerificationKeys } from '@caregate/identity/directory-token';
import { DIRECTORY_PUBLIC_KEYS, newSignUp, OPERATOR_TOKEN, startWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => void (world = await startWorld()));
afterAll(() => world.stop());
afterEach(() => {
  world.au1.fault = undefined;
});

const signUp = (body: unknown, headers = {}) =>
  world.directory.call('POST', '/caregate/v1/accounts', { body, headers });
const accountOf = (subdomain: string) => world.database.collection('accounts').findOne({ subdomain });

describe('signing up', () => {
  test('the account is placed in its region, told to its shard, and answered with its addresses', async () => {
    const wanted = newSignUp({ region: 'uk' });
    const answer = await signUp(wanted);
    expect(answer.status).toBe(201);
    expect(answer.body).toEqual({
      accountId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      subdomain: wanted.subdomain,
      region: 'uk',
      shard: 'uk1',
      state: 'unconfirmed',
      urls: { account: `https://${wanted.subdomain}.uk1.example.test:8443`, api: 'https://api.uk1.example.test:8443' },
    });
    expect(
      responseValidator(contracts.directory).problems('SignUp', { ...answer, contentType: 'application/json' }),
    ).toEqual([]);
    const [told] = world.uk1.toldOf(wanted.subdomain);
    expect(told).toMatchObject({
      accountId: answer.body['accountId'],
      headers: { host: 'api.uk1.example.test' },
      body: {
        subdomain: wanted.subdomain,
        name: wanted.name,
        owner: { email: wanted.owner.email, fullName: wanted.owner.fullName },
      },
    });
    const token = String(told?.headers['authorization']).replace('Bearer ', '');
    const [keys, accountId] = [readVerificationKeys(DIRECTORY_PUBLIC_KEYS), answer.body['accountId']];
    expect(await readDirectoryToken(keys, 'uk1', token)).toEqual({ operationId: 'ProvisionAccount', accountId });
    expect(await readDirectoryToken(keys, 'au1', token)).toBeUndefined();
    expect(isPasswordHash(told?.body.owner.passwordHash ?? '')).toBe(true);
    expect(JSON.stringify(told?.body)).not.toContain(wanted.owner.password);
  });

  test('of many who want one subdomain at once, one gets it and the others 409', async () => {
    const { subdomain } = newSignUp();
    const answers = await Promise.all(Array.from({ length: 12 }, () => signUp(newSignUp({ subdomain }))));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array.from({ length: 11 }, () => 409)]);
    const winner = answers.find(({ status }) => status === 201)?.body['accountId'];
    expect(new Set(world.au1.toldOf(subdomain).map(({ accountId }) => accountId))).toEqual(new Set([winner]));
  });

  test('a subdomain is taken over all regions', async () => {
    const { subdomain } = newSignUp();
    expect((await signUp(newSignUp({ subdomain, region: 'au' }))).status).toBe(201);
    expect((await signUp(newSignUp({ subdomain, region: 'uk' }))).status).toBe(409);
  });

  test('a shard that is full gets nobody, however much it weighs', async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => signUp(newSignUp())));
    expect(new Set(answers.map(({ body }) => body['shard']))).toEqual(new Set(['au1']));
  });

  test('the same request with the same Idempotency-Key answers the same account again', async () => {
    const wanted = newSignUp();
    const first = await signUp(wanted, { 'idempotency-key': 'k1' });
    const again = await signUp(wanted, { 'idempotency-key': 'k1' });
    expect([again.status, again.body]).toEqual([201, first.body]);
    expect((await signUp(wanted)).status).toBe(409);
    expect((await signUp(wanted, { 'idempotency-key': 'k2' })).status).toBe(409);
    expect((await signUp({ ...wanted, name: 'Other' }, { 'idempotency-key': 'k1' })).status).toBe(422);
    expect(world.au1.toldOf(wanted.subdomain)).toHaveLength(1);
  });

  const good = newSignUp();
  test.each([
    ['a reserved subdomain', { ...good, subdomain: 'api' }, /\/subdomain: .*reserved/],
    ['a shard id as subdomain', { ...good, subdomain: 'au1' }, /\/subdomain: .*reserved/],
    ['a subdomain with a dot', { ...good, subdomain: 'a.b' }, /subdomain/],
    ['a subdomain that is an operator', { ...good, subdomain: { $gt: '' } }, /subdomain/],
    ['an unknown region', { ...good, region: 'nz' }, /region must be one of au, uk/],
    ['no owner', { ...good, owner: undefined }, /owner/],
    ['an email that is none', { ...good, owner: { ...good.owner, email: 'nobody' } }, /email/],
    ['a short password', { ...good, owner: { ...good.owner, password: 'short' } }, /password/],
    ['a very long password', { ...good, owner: { ...good.owner, password: 'x'.repeat(1_000) } }, /password/],
    ['broken JSON', '{"subdomain":', /JSON/],
    ['a list', [], /body/],
    ['nothing', undefined, /body/],
  ])('%s is refused with the place of the fault', async (_name, body, message) => {
    const answer = await signUp(body);
    expect(answer.status).toBe(400);
    expect(answer.body['message']).toMatch(message);
    expect(await accountOf(good.subdomain)).toBeNull();
  });
});

describe('an account that nobody has confirmed', () => {
  const asOperator = (method: 'GET' | 'POST', path: string, body?: unknown) =>
    world.directory.call(method, path, { headers: { authorization: `Bearer ${OPERATOR_TOKEN}` }, body });
  const placed = async () => {
    const wanted = newSignUp();
    const { body } = await signUp(wanted);
    return { ...wanted, accountId: String(body['accountId']), path: `/caregate/v1/accounts/${wanted.subdomain}` };
  };
  const stateOf = async (path: string) => (await asOperator('GET', path)).body['state'];

  test('is active when its shard says so', async () => {
    const { accountId, path } = await placed();
    expect(await stateOf(path)).toBe('unconfirmed');
    world.au1.states.set(accountId, 'active');
    expect(await stateOf(path)).toBe('active');
    expect((await accountOf(path.split('/').at(-1) ?? ''))?.['askTime']).toBeUndefined();
  });

  test('does not move', async () => {
    const { path } = await placed();
    const answer = await asOperator('POST', `${path}/moves`, { to: 'uk1' });
    expect([answer.status, answer.body['message']]).toEqual([409, expect.stringMatching(/has not confirmed/)]);
  });

  test('is gone with its time, by itself, and its subdomain is free; not while its shard only does not know it', async () => {
    const { accountId, subdomain, path } = await placed();
    world.au1.states.delete(accountId);
    expect(await stateOf(path)).toBe('unconfirmed');
    const old = { createdTime: new Date(Date.now() - 49 * 3_600_000), askTime: new Date() };
    await world.database.collection('accounts').updateOne({ subdomain }, { $set: old });
    await eventually(async () => (await accountOf(subdomain)) === null);
    expect((await signUp(newSignUp({ subdomain }))).status).toBe(201);
  });

  test('stays while its shard cannot be asked', async () => {
    const { subdomain, path } = await placed();
    await world.database.collection('accounts').updateOne({ subdomain }, { $set: { createdTime: new Date(0) } });
    await world.au1.stop();
    expect(await stateOf(path)).toBe('unconfirmed');
    await world.au1.start();
  });
});

describe('a subdomain', () => {
  test.each([
    ['a-free-one', true, undefined],
    ['www', false, /reserved/],
    ['xn--80ak6aa92e', false, /hyphens/],
  ])('%s: available %s', async (subdomain, available, reason) => {
    const { status, body } = await world.directory.call('GET', `/caregate/v1/subdomains/${subdomain}`);
    expect([status, body['available']]).toEqual([200, available]);
    if (reason) expect(body['reason']).toMatch(reason);
  });

  test('is not available once somebody has it', async () => {
    const { subdomain } = newSignUp();
    await signUp(newSignUp({ subdomain }));
    const { body } = await world.directory.call('GET', `/caregate/v1/subdomains/${subdomain}`);
    expect(body).toEqual({ subdomain, available: false, reason: 'this subdomain is taken' });
  });
});

describe('when a shard', () => {
  test('is away, the account waits for it and is known there by itself', async () => {
    const wanted = newSignUp();
    await world.au1.stop();
    const answer = await signUp(wanted);
    expect([answer.status, answer.body['state']]).toEqual([201, 'placing']);
    await world.au1.start();
    await eventually(async () => (await accountOf(wanted.subdomain))?.['state'] === 'unconfirmed');
    expect(world.au1.toldOf(wanted.subdomain).at(-1)?.accountId).toBe(answer.body['accountId']);
  });

  test('dies after it took the account and before it said so, it is told again of the same account', async () => {
    const wanted = newSignUp();
    world.au1.fault = (response) => response.destroy();
    const answer = await signUp(wanted);
    expect([answer.status, answer.body['state']]).toEqual([201, 'placing']);
    world.au1.fault = undefined;
    await eventually(async () => (await accountOf(wanted.subdomain))?.['state'] === 'unconfirmed');
    const told = world.au1.toldOf(wanted.subdomain);
    expect(told.length).toBeGreaterThan(1);
    expect(new Set(told.map((call) => JSON.stringify([call.accountId, call.body]))).size).toBe(1);
  });

  test('does not accept the secret, the account waits until that is put right', async () => {
    const wanted = newSignUp();
    world.au1.fault = (response) => response.writeHead(401).end('{"message":"wrong"}');
    expect((await signUp(wanted)).body['state']).toBe('placing');
    world.au1.fault = undefined;
    await eventually(async () => (await accountOf(wanted.subdomain))?.['state'] === 'unconfirmed');
  });

  test('refuses the account, so is the sign-up, and nothing is left of it', async () => {
    const wanted = newSignUp();
    world.au1.fault = (response) =>
      response.writeHead(409).end('{"message":"the subdomain belongs to another account of this shard"}');
    const answer = await signUp(wanted);
    expect([answer.status, answer.body['message']]).toEqual([
      409,
      'the subdomain belongs to another account of this shard',
    ]);
    expect(await accountOf(wanted.subdomain)).toBeNull();
    world.au1.fault = undefined;
    expect((await signUp(wanted)).status).toBe(201);
  });
});

test('when the directory is killed while a shard is told, the account is taken up after its start', async () => {
  const wanted = newSignUp();
  world.au1.fault = () => undefined; // it never answers
  const answer = signUp(wanted).catch(() => 'lost');
  await eventually(() => world.au1.toldOf(wanted.subdomain).length > 0);
  await world.directory.end('SIGKILL');
  expect(await answer).toBe('lost');
  world.au1.fault = undefined;
  await (await world.directory.start()).ready();
  await eventually(async () => (await accountOf(wanted.subdomain))?.['state'] === 'unconfirmed');
  expect((await accountOf(wanted.subdomain))?.['pending']).toBeUndefined();
}, 60_000);

test('regions are listed with a plain line on where the data lives', async () => {
  const answer = await world.directory.call('GET', '/caregate/v1/regions');
  expect(Object.values(answer.body)).toEqual([
    {
      id: 'au',
      name: 'Australia',
      dataLocation: 'Your data is stored in Sydney and does not leave Australia.',
      shards: ['au1'],
    },
    { id: 'uk', name: 'United Kingdom', dataLocation: 'Your data is stored in London.', shards: ['uk1'] },
  ]);
});

test('the file of shards is read again when it changes, and a wrong one is refused loudly', async () => {
  const names = async () =>
    Object.values((await world.directory.call('GET', '/caregate/v1/regions')).body).map(
      (region) => Object(region).name,
    );
  await world.writeShards(world.shardsText.replace('name: Australia', 'name: New Holland'));
  await eventually(async () => (await names()).includes('New Holland'));
  await world.writeShards(world.shardsText.replace('region: uk, state: open', 'region: uk, state: closed'));
  await eventually(() =>
    world.directory
      .lines()
      .some(({ level, msg }) => level === 50 && /refused.*region uk has no open shard/.test(String(msg))),
  );
  expect(await names()).toEqual(['New Holland', 'United Kingdom']);
  await world.writeShards(world.shardsText);
  await eventually(async () => (await names()).includes('Australia'));
});

describe('operators', () => {
  test('find where an account is', async () => {
    const wanted = newSignUp();
    const { body } = await signUp(wanted);
    const found = await world.directory.call('GET', `/caregate/v1/accounts/${wanted.subdomain}`, {
      headers: { authorization: `Bearer ${OPERATOR_TOKEN}` },
    });
    expect([found.status, found.body]).toEqual([200, body]);
    const unknown = await world.directory.call('GET', '/caregate/v1/accounts/nobody-here', {
      headers: { authorization: `Bearer ${OPERATOR_TOKEN}` },
    });
    expect(unknown.status).toBe(404);
  });

  test.each([undefined, 'Bearer wrong', 'Bearer', `Basic ${OPERATOR_TOKEN}`])(
    'are nobody else: %s',
    async (authorization) => {
      const answer = await world.directory.call('GET', '/caregate/v1/accounts/somebody', {
        headers: authorization ? { authorization } : {},
      });
      expect(answer.status).toBe(401);
    },
  );
});

test('operators list all accounts, page by page, by shard and by state, and nobody else does', async () => {
  const [first, second] = [newSignUp({ region: 'uk' }), newSignUp({ region: 'uk' })];
  for (const wanted of [first, second]) expect((await signUp(wanted)).status).toBe(201);
  const list = (query: string, token = OPERATOR_TOKEN) =>
    world.directory.call('GET', `/caregate/v1/accounts${query}`, { headers: { authorization: `Bearer ${token}` } });
  expect((await list('', 'wrong')).status).toBe(401);
  expect((await list('?shard=nowhere')).status).toBe(400);
  const subdomains = async (query: string) => {
    const answer = await list(query);
    const body = Object.values(answer.body) as { subdomain: string }[]; // `call` knows records only
    const problems = responseValidator(contracts.directory).problems('ListAccounts', {
      ...{ ...answer, body, contentType: 'application/json' },
    });
    expect(problems).toEqual([]);
    return body.map(({ subdomain }) => subdomain);
  };
  const kept = await world.database.collection('accounts').find({ shard: 'uk1' }).sort({ subdomain: 1 }).toArray();
  const all = kept.map(({ subdomain }) => String(subdomain));
  expect(all).toEqual(expect.arrayContaining([first.subdomain, second.subdomain]));
  expect(await subdomains('?shard=uk1&limit=1000')).toEqual(all);
  expect(await subdomains(`?shard=uk1&limit=1&after=${all[0]}`)).toEqual([all[1]]);
  expect(await subdomains('?shard=uk1&state=moving')).toEqual([]);
});

test('operators get a token for bringing keys to one account on its shard, and nobody else does', async () => {
  const wanted = newSignUp({ region: 'uk' });
  const { body } = await signUp(wanted);
  const ask = (subdomain: string, token?: string) =>
    world.directory.call('POST', `/caregate/v1/accounts/${subdomain}/key_import_tokens`, {
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    });
  const granted = await ask(wanted.subdomain, OPERATOR_TOKEN);
  expect([granted.status, granted.body]).toEqual([
    201,
    { shard: 'uk1', apiUrl: 'https://api.uk1.example.test:8443', token: expect.any(String) },
  ]);
  const token = String(granted.body['token']);
  expect(await readDirectoryToken(readVerificationKeys(DIRECTORY_PUBLIC_KEYS), 'uk1', token)).toEqual({
    operationId: 'ImportApiKeys',
    accountId: body['accountId'],
  });
  expect((await ask('nobody-here', OPERATOR_TOKEN)).status).toBe(404);
  expect([(await ask(wanted.subdomain)).status, (await ask(wanted.subdomain, token)).status]).toEqual([401, 401]);
});

describe('the unsharded address', () => {
  const at = (host: string, method: 'GET' | 'HEAD' | 'POST', path: string, key?: string) =>
    world.directory.call(method, path, {
      headers: {
        host,
        ...(key !== undefined && { authorization: `Basic ${Buffer.from(`${key}:`).toString('base64')}` }),
      },
      ...(method === 'POST' && { body: { name: 'x' } }),
    });

  test.each([
    ['GET', 'MS0xLWl4SzYY-uk1', 301, 'https://api.uk1.example.test:8443/v1/clinics?limit=2&q=%20'],
    ['HEAD', 'MS0xLWl4SzYY-uk1', 301, 'https://api.uk1.example.test:8443/v1/clinics?limit=2&q=%20'],
    ['POST', 'MS0xLWl4SzYY-uk1', 308, 'https://api.uk1.example.test:8443/v1/clinics?limit=2&q=%20'],
    ['GET', 'MS0xLWl4SzYY', 301, 'https://api.au1.example.test/v1/clinics?limit=2&q=%20'],
    ['GET', undefined, 301, 'https://api.au1.example.test/v1/clinics?limit=2&q=%20'],
  ] as const)('%s with the key %s is redirected to its shard', async (method, key, status, location) => {
    const answer = await at('api.example.test', method, '/v1/clinics?limit=2&q=%20', key);
    expect([answer.status, answer.headers['location']]).toEqual([status, location]);
  });

  test('a key of a shard that does not exist is refused', async () => {
    const answer = await at('api.example.test', 'GET', '/v1/clinics', 'MS0xLWl4SzYY-nz1');
    expect([answer.status, answer.headers['location']]).toEqual([401, undefined]);
    expect(answer.body['message']).toMatch(/names shard nz1, which does not exist/);
  });

  test('redirects to our own hosts only', async () => {
    for (const path of ['//evil.test/v1', '/\\evil.test', '/@evil.test', '/v1?to=https://evil.test']) {
      const { headers } = await at('API.example.test.:80', 'GET', path);
      expect(new URL(String(headers['location'])).host).toBe('api.au1.example.test');
    }
  });

  test('keeps what is the directory’s own', async () => {
    expect((await at('api.example.test', 'GET', '/caregate/v1/regions')).status).toBe(200);
    expect((await at('api.example.test', 'GET', '/ready')).status).toBe(200);
  });

  test.each(['example.test', 'evil.test', 'api.evil.test', '127.0.0.1', 'good.au1.example.test'])(
    'is not %s',
    async (host) => {
      const answer = await at(host, 'GET', '/v1/clinics');
      expect([answer.status, answer.headers['location']]).toEqual([404, undefined]);
    },
  );
});

test('the directory keeps no data of persons, neither in its database nor in its logs', async () => {
  const planted = ['planted-email@example.test', 'Planted Fullname', 'planted password', 'Planted Clinic Name'];
  const [email = '', fullName = '', password = '', name = ''] = planted;
  const body = { ...newSignUp(), name, owner: { email, fullName, password } };
  world.au1.fault = (response) => response.writeHead(500).end(JSON.stringify(body)); // what a shard echoes must not be logged either
  expect((await signUp(body, { 'idempotency-key': 'planted key' })).body['state']).toBe('placing');
  expect((await signUp({ ...body, subdomain: 'api' })).status).toBe(400);
  expect((await signUp({ ...body, owner: { ...body.owner, fullName: 7 } })).status).toBe(400);
  expect((await signUp(body)).status).toBe(409);
  world.au1.fault = undefined;
  await eventually(async () => (await accountOf(body.subdomain))?.['state'] === 'unconfirmed');
  const collections = await world.database.listCollections();
  const kept = await Promise.all(collections.map(({ name }) => world.database.collection(name).find().toArray()));
  const places = { database: JSON.stringify(kept), logs: world.directory.output };
  for (const [place, text] of Object.entries(places)) {
    for (const value of [...planted, 'planted key', 'argon2'])
      expect(text.includes(value) && `${value} in ${place}`).toBe(false);
  }
  expect(places.database).toContain(body.subdomain);
});

test('every operation of the contract has its route', async () => {
  for (const { method, path } of operations(contracts.directory)) {
    // The contract's methods in lower case are those that `call` takes in upper case.
    const answer = await world.directory.call(
      method.toUpperCase() as 'GET' | 'POST',
      path.replace('{subdomain}', 'somebody'),
    );
    expect({ path, message: answer.body['message'] ?? 'fine' }).not.toEqual({
      path,
      message: 'no matching operation was found',
    });
  }
});

test('metrics count what shards were told', async () => {
  const { body } = await world.directory.call('GET', '/metrics');
  expect(body['text']).toMatch(/caregate_provisioning_total\{outcome="done"\} [1-9]/);
});

describe('an operator', () => {
  const bearer = { authorization: `Bearer ${OPERATOR_TOKEN}` };
  const key = { id: '6b057cd309991920b5d73799', name: 'Lab', last4: 'x7Qp', createdTime: '2026-11-24T12:02:27.628Z' };
  afterEach(() => {
    world.au1.api = (_request, response) => response.writeHead(404).end();
  });

  test('lists and revokes the API keys of an account; its shard is asked, as the directory', async () => {
    const { subdomain } = newSignUp();
    const { body: account } = await signUp(newSignUp({ subdomain }));
    const asked: string[] = [];
    world.au1.api = (request, response) => {
      asked.push(`${request.method} ${request.url}`);
      if (request.method === 'DELETE') return response.writeHead(204).end();
      return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify([key]));
    };
    const path = `/caregate/v1/accounts/${subdomain}/api_keys`;
    expect((await world.directory.call('GET', path)).status).toBe(401);
    expect((await world.directory.call('DELETE', `${path}/${key.id}`)).status).toBe(401);
    expect(asked).toEqual([]);
    const listed = await world.directory.call('GET', path, { headers: bearer });
    expect([listed.status, Object.values(listed.body)]).toEqual([200, [key]]);
    expect((await world.directory.call('DELETE', `${path}/${key.id}`, { headers: bearer })).status).toBe(204);
    const there = `/caregate/v1/accounts/${String(account['accountId'])}/api_keys`;
    expect(asked).toEqual([`GET ${there}`, `DELETE ${there}/${key.id}`]);
  });

  test('shows and sets the quotas of an account at its shard, for nobody else', async () => {
    const { subdomain } = newSignUp();
    const { body: account } = await signUp(newSignUp({ subdomain }));
    const asked: string[] = [];
    const quotas = { quotas: [{ name: 'keys', limit: 100, used: 2, isSet: true }] };
    world.au1.api = async (request, response) => {
      asked.push(`${request.method} ${request.url} ${(await request.setEncoding('utf8').toArray()).join('')}`.trim());
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(quotas));
    };
    const path = `/caregate/v1/accounts/${subdomain}/quotas`;
    expect((await world.directory.call('GET', path)).status).toBe(401);
    expect((await world.directory.call('PUT', path, { body: { keys: 100 } })).status).toBe(401);
    expect(asked).toEqual([]);
    expect(await world.directory.call('GET', path, { headers: bearer })).toMatchObject({ status: 200, body: quotas });
    const set = await world.directory.call('PUT', path, { headers: bearer, body: { keys: 100 } });
    expect(set).toMatchObject({ status: 200, body: quotas });
    const there = `/caregate/v1/accounts/${String(account['accountId'])}/quotas`;
    expect(asked).toEqual([`GET ${there}`, `PUT ${there} {"keys":100}`]);
    expect((await world.directory.call('PUT', path, { headers: bearer, body: { keys: -1 } })).status).toBe(400);
  });

  test.each([
    [404, 404, /shard au1 says: there is no such API key/],
    [401, 503, /shard au1 says: there is no such API key/],
    [500, 503, /shard au1 says/],
  ])('is told what a shard says by %i with %i', async (said, told, message) => {
    const { subdomain } = newSignUp();
    await signUp(newSignUp({ subdomain }));
    world.au1.api = (_request, response) =>
      response.writeHead(said).end(JSON.stringify({ message: 'there is no such API key' }));
    const path = `/caregate/v1/accounts/${subdomain}/api_keys/${key.id}`;
    const answer = await world.directory.call('DELETE', path, { headers: bearer });
    expect([answer.status, answer.body['message']]).toEqual([told, expect.stringMatching(message)]);
    expect(
      (await world.directory.call('GET', '/caregate/v1/accounts/nobody-here/api_keys', { headers: bearer })).status,
    ).toBe(404);
  });
});
