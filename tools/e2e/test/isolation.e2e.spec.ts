import { createHmac, randomBytes } from 'node:crypto';
import { basic, call, eventually, session, confirmed } from '@caregate/demo';
import { type Platform, type Servers, startServers, startShards } from '@caregate/stack';
import { leaveNoDatabases } from './leave-nothing.ts';
import { rawRequest } from './raw-request.ts';

// Two shards and the directory, as they are deployed, and what somebody tries who would like to be somebody or somewhere else.

const prefix = `iso${randomBytes(3).toString('hex')}_`;
const PASSWORD = 'correct horse battery staple';
const EVIL = 'evil.test';
const INVITES = 3;
/** Where the built apps are, if not in this workspace. */
const dist = process.env.MOVE_DIST;

interface Practice {
  readonly subdomain: string;
  readonly shard: string;
  readonly accountId: string;
  readonly email: string;
  readonly token: string;
  readonly key: string;
  readonly clinicId: string;
}

let servers: Servers;
let platform: Platform;
let ours: Practice;
/** Another account on the same shard. */
let neighbour: Practice;
/** An account on the other shard. */
let foreign: Practice;

beforeAll(async () => {
  servers = await startServers({ only: ['mongod'] });
  platform = await startShards(servers, {
    shards: ['au1', 'uk1'],
    prefix,
    only: ['clinic-api', 'directory'],
    ...(dist !== undefined && { dist }),
    env: (app): Record<string, string> =>
      app === 'directory' ? { MOVE_GRACE_SECONDS: '60' } : { INVITES_PER_HOUR: String(INVITES) },
  });
  [ours, neighbour, foreign] = await Promise.all([
    newPractice('au', 'sydney-smiles'),
    newPractice('au', 'next-door'),
    newPractice('uk', 'calm-thames'),
  ]);
}, 120_000);

afterAll(async () => {
  await platform?.stop();
  await leaveNoDatabases(servers, prefix);
  await servers?.stop();
}, 60_000);

describe('who somebody is', () => {
  /** Signs a token as this shard does, with what a forger changes about it. */
  function forged(
    from: string,
    change: { header?: object; payload?: object; secret?: string; hash?: string } = {},
  ): string {
    const [header = '', payload = ''] = from.split('.');
    const changed = (part: string, more: object = {}) =>
      Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(part, 'base64url').toString()), ...more })).toString(
        'base64url',
      );
    const signed = `${changed(header, change.header)}.${changed(payload, change.payload)}`;
    const secret = change.secret ?? secretOf('au1');
    return `${signed}.${createHmac(change.hash ?? 'sha256', secret)
      .update(signed)
      .digest('base64url')}`;
  }
  const publicKeysOf = (shard: string) => platform.shard(shard).api.env['DIRECTORY_PUBLIC_KEYS'] ?? '';
  const secretOf = (shard: string) => platform.shard(shard).api.env['IDENTITY_SECRET'] ?? '';
  const past = Math.floor(Date.now() / 1000) - 3600;
  const service = { kind: 'service', sub: 'clinic-worker', epoch: undefined };

  const claims: Readonly<Record<string, () => Record<string, string>>> = {
    'a token of the other shard': () => session(foreign.token),
    'a key of the other shard': () => basic(foreign.key),
    'the same without its shard': () => basic(foreign.key.split('-')[0] ?? ''),
    'the same with the name of this shard': () => basic(foreign.key.replace(/-uk1$/, '-au1')),
    'our key with the name of the other shard': () => basic(ours.key.replace(/-au1$/, '-uk1')),
    'our key as a token': () => session(ours.key),
    'our token as a key': () => basic(ours.token),
    'our token as a bearer’s': () => ({ authorization: `Bearer ${ours.token}` }),
    'our key as a bearer’s': () => ({ authorization: `Bearer ${ours.key}` }),
    'our key in the place of the password': () => ({ authorization: `Basic ${btoa(`:${ours.key}`)}` }),
    'the directory’s public keys': () => ({ authorization: `Bearer ${publicKeysOf('au1')}` }),
    'a bearer’s token signed with the public keys': () => ({
      authorization: `Bearer ${forged(ours.token, { payload: { iss: 'caregate-directory' }, secret: publicKeysOf('au1') })}`,
    }),
    'the operators’ token': () => ({ authorization: `Bearer ${platform.operatorToken}` }),
    'the secret that signs tokens': () => session(secretOf('au1')),
    'a token for this shard signed by the other': () => session(forged(ours.token, { secret: secretOf('uk1') })),
    'a service of the other shard': () => session(forged(ours.token, { payload: service, secret: secretOf('uk1') })),
    'a token of the other shard signed here': () => session(forged(foreign.token)),
    'a token without a signature': () =>
      session(
        `${forged(ours.token, { header: { alg: 'none' } })
          .split('.')
          .slice(0, 2)
          .join('.')}.`,
      ),
    'a token with another hash': () => session(forged(ours.token, { header: { alg: 'HS512' }, hash: 'sha512' })),
    'a token that says it is signed by a pair of keys': () => session(forged(ours.token, { header: { alg: 'RS256' } })),
    'a token with an empty secret': () => session(forged(ours.token, { secret: '' })),
    'a token whose key is a file': () => session(forged(ours.token, { header: { kid: '../../dev/null' }, secret: '' })),
    'a token that brings its key along': () =>
      session(forged(ours.token, { header: { kid: undefined, jwk: { kty: 'oct', k: 'AAAA' } }, secret: '\0\0\0' })),
    'a token for whoever else': () => session(ours.token.replace(/\.[^.]+\./, `.${neighbour.token.split('.')[1]}.`)),
    'a token that is over': () => session(forged(ours.token, { payload: { exp: past } })),
    'a token that has no end': () => session(forged(ours.token, { payload: { exp: undefined } })),
    'a token for another audience': () => session(forged(ours.token, { payload: { aud: 'uk1' } })),
    'a token of another issuer': () => session(forged(ours.token, { payload: { iss: EVIL } })),
    'a token of a session that was ended': () => session(forged(ours.token, { payload: { epoch: -1 } })),
    'a token of nobody': () => session(forged(ours.token, { payload: { sub: '0000000000' } })),
    'a token of an operator': () => session(forged(ours.token, { payload: { sub: '{"$ne":null}' } })),
  };

  test('a token that is signed anew as it was is good, so the others fail by what is changed in them', async () => {
    expect((await reach('au1', `/v1/clinics/${ours.clinicId}`, session(forged(ours.token)))).status).toBe(200);
    const asService = session(forged(ours.token, { payload: service }));
    expect((await reach('au1', `/v1/clinics?limit=1`, asService)).status).toBe(200);
  });

  test.each(Object.entries(claims))('is not shown by %s', async (_what, headers) => {
    for (const [method, path] of [
      ['GET', `/v1/clinics/${ours.clinicId}/patients`],
      ['GET', `/caregate/v1/accounts/${ours.accountId}`],
      ['GET', '/v1/clinics'],
      ['POST', '/v1/clinics'],
    ] as const)
      for (const host of ['127.0.0.1', `api.au1.${platform.domain}`, `${ours.subdomain}.au1.${platform.domain}`]) {
        const { status, body } = await reach('au1', path, { host, ...headers() }, method);
        expect([method, path, host, status]).toEqual([method, path, host, 401]);
        expect(Object.keys(body as object)).toEqual(['message']);
      }
  });

  test('the directory knows operators by their token and by nothing that a shard knows', async () => {
    const path = `/caregate/v1/accounts/${ours.subdomain}`;
    const ask = (headers: Record<string, string>) => call({ url: platform.directory.url + path, headers });
    expect((await ask({ authorization: `Bearer ${platform.operatorToken}` })).status).toBe(200);
    for (const headers of [
      {},
      session(ours.token),
      session(platform.operatorToken),
      basic(ours.key),
      basic(platform.operatorToken),
      { authorization: `Bearer ${publicKeysOf('au1')}` },
      { authorization: `Bearer ${ours.token}` },
      { authorization: `Bearer ${secretOf('au1')}` },
    ])
      expect((await ask(headers)).status).toBe(401);
  });

  test('a token is nothing any more when its user has signed out or is gone, and nobody signs in as them', async () => {
    const { email, token, accountId } = await newPractice('au', 'soon-gone');
    const userId = String(JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).sub);
    const own = `/caregate/v1/accounts/${accountId}`;
    expect((await reach('au1', own, session(token))).status).toBe(200);
    expect((await reach('au1', '/caregate/v1/sessions', session(token), 'DELETE')).status).toBe(204);
    expect((await reach('au1', own, session(token))).status).toBe(401);
    const again = await signIn('au1', email, PASSWORD);
    const anew = (again.body as { token: string }).token;
    expect((await reach('au1', `/caregate/v1/users/${userId}`, session(neighbour.token), 'DELETE')).status).toBe(403);
    expect((await reach('au1', `/caregate/v1/users/${userId}`, session(anew), 'DELETE')).status).toBe(204);
    expect((await reach('au1', own, session(anew))).status).toBe(401);
    expect((await signIn('au1', email, PASSWORD)).status).toBe(401);
  });
});

describe('who has an account', () => {
  test('is not told by signing in: unknown, known and on another shard sound the same', async () => {
    const answers = [];
    for (const email of [ours.email, foreign.email, 'nobody@nowhere.example', ours.email.toUpperCase()])
      answers.push(await signIn('au1', email, 'a wrong password'));
    expect(new Set(answers.map(({ status, body }) => JSON.stringify([status, body])))).toEqual(
      new Set([JSON.stringify([401, { message: 'email or password is wrong' }])]),
    );
    expect(new Set(answers.map(({ headers }) => Object.keys(headers).toSorted().join())).size).toBe(1);
  });

  test('is not told by signing up, and the password of who is there already stays', async () => {
    const known = await signUp('au', 'known-email', ours.email, 'another password');
    const unknown = await signUp('au', 'unknown-email', 'somebody@new.example', 'another password');
    expect(known.status).toBe(201);
    const shape = ({ status, body }: typeof known) => [
      status,
      Object.keys(body as object),
      (body as { state: string }).state,
    ];
    expect(shape(known)).toEqual(shape(unknown));
    expect((await signIn('au1', ours.email, 'another password')).status).toBe(401);
    expect((await signIn('au1', ours.email, PASSWORD)).status).toBe(200);
  });

  test('is not told by hosts, but that a subdomain is taken to who wants it', async () => {
    const at = (host: string) => reach('au1', '/v1/clinics', { host: `${host}.au1.${platform.domain}` });
    const [elsewhere, nowhere] = [await at(foreign.subdomain), await at('nobody-has-this')];
    expect([elsewhere.status, elsewhere.body]).toEqual([nowhere.status, nowhere.body]);
    const taken = await call({ url: `${platform.directory.url}/caregate/v1/subdomains/${foreign.subdomain}` });
    expect(taken.body).toEqual({ subdomain: foreign.subdomain, available: false, reason: 'this subdomain is taken' });
  });

  test('cannot be found out by guessing from made-up addresses: what a client says of its own is not believed', async () => {
    const answers = [];
    for (let n = 0; n < 14; n++) {
      const made = {
        'x-forwarded-for': `198.51.100.${n}`,
        forwarded: `for=198.51.100.${n}`,
        'x-real-ip': `198.51.100.${n}`,
        'true-client-ip': `198.51.100.${n}`,
      };
      answers.push((await signIn('au1', 'guessed@nowhere.example', `guess ${n}`, made)).status);
    }
    expect(answers).toEqual([...Array<number>(10).fill(401), ...Array<number>(4).fill(429)]);
  });
});

describe('a sign-up', () => {
  const wanted = (subdomain: string) => ({
    subdomain,
    region: 'au',
    name: subdomain,
    owner: { email: `owner@${subdomain}.example`, fullName: 'Dana Owner', password: PASSWORD },
  });
  const post = (body: unknown) => call({ method: 'POST', url: `${platform.directory.url}/caregate/v1/accounts`, body });

  test('sets what a person may choose and nothing else', async () => {
    const plain = wanted('only-what-is-asked');
    const { status, body } = await post({
      ...plain,
      ...{ _id: ours.accountId, id: ours.accountId, accountId: ours.accountId, ownerUserId: '0000000000' },
      ...{ shard: 'uk1', state: 'placing', createdTime: '2001-01-01T00:00:00Z', urls: { account: `http://${EVIL}` } },
      ...{
        $set: { shard: 'uk1' },
        'owner.email': `thief@${EVIL}`,
        constructor: { name: 'x' },
        moved: { shard: 'uk1' },
      },
      owner: { ...plain.owner, userId: '0000000000', roles: ['service'], passwordHash: 'x', emailVerified: true },
    });
    const account = body as { accountId: string; urls: object };
    expect([status, account]).toEqual([201, expect.objectContaining({ shard: 'au1', state: 'unconfirmed' })]);
    expect(account.accountId).not.toBe(ours.accountId);
    expect(JSON.stringify(account)).not.toContain(EVIL);
    await confirmed(platform.shard('au1'), account, PASSWORD);
    const { token } = (await signIn('au1', plain.owner.email, PASSWORD)).body as { token: string };
    expect(JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())).toMatchObject({ kind: 'user' });
    expect((await reach('au1', '/v1/clinics', session(token))).status).toBe(403);
    expect((await reach('au1', `/caregate/v1/accounts/${ours.accountId}`, session(token))).status).toBe(403);
    expect((await reach('au1', `/caregate/v1/accounts/${account.accountId}`, session(token))).body).toMatchObject({
      subdomain: plain.subdomain,
      ownerUserId: expect.not.stringMatching('0000000000'),
    });
  });

  test('has texts where texts belong, and no operator in any field', async () => {
    const good = wanted('has-no-operators');
    const operators = [{ $ne: null }, { $gt: '' }, { $regex: '.*' }, ['x'], null, 7, true];
    const bodies = operators.flatMap((operator) => [
      ...Object.keys(good).map((field) => ({ ...good, [field]: operator })),
      ...Object.keys(good.owner).map((field) => ({ ...good, owner: { ...good.owner, [field]: operator } })),
    ]);
    const answers = await Promise.all(bodies.map(async (body) => [JSON.stringify(body), (await post(body)).status]));
    expect(answers.filter(([, status]) => status !== 400)).toEqual([]);
    for (const name of ['{"$ne":null}', '$where', '[object Object]', '__proto__', '.', 'a.b']) {
      const { status, body } = await call({
        url: `${platform.directory.url}/caregate/v1/subdomains/${encodeURIComponent(name)}`,
      });
      expect([name, status, (body as { available?: boolean }).available ?? false]).toEqual([
        name,
        expect.any(Number),
        false,
      ]);
      expect(status).toBeLessThan(500);
    }
    expect((await post(good)).status).toBe(201);
  });
});

describe('the host of another account', () => {
  test('gives nobody a place in that account', async () => {
    const created = await reach(
      'au1',
      '/v1/clinics',
      { host: `${ours.subdomain}.au1.${platform.domain}`, ...session(neighbour.token) },
      'POST',
      CLINIC,
    );
    expect([created.status, created.body]).toEqual([403, { message: expect.any(String) }]);
    const found = await reach('au1', '/v1/patients', basic(ours.key));
    expect(found.status).toBe(200);
    const own = await reach(
      'au1',
      '/v1/clinics',
      { host: `${ours.subdomain}.au1.${platform.domain}`, ...session(ours.token) },
      'POST',
      CLINIC,
    );
    expect(own.status).toBe(200);
  });

  test('is no place for a key of ours', async () => {
    const host = `${neighbour.subdomain}.au1.${platform.domain}`;
    for (const path of [`/v1/clinics/${ours.clinicId}`, `/v1/clinics/${neighbour.clinicId}`, '/v1/patients'])
      expect((await reach('au1', path, { host, ...basic(ours.key) })).status).toBe(403);
  });
});

test('a person has only so many invites sent in an hour, from however many clinics, and others have theirs', async () => {
  const invite = (who: Practice, clinicId: string, n: number) =>
    reach('au1', `/v1/clinics/${clinicId}/invites/clinicians`, session(who.token), 'POST', {
      email: `invited-${n}@nowhere.example`,
      roles: ['CLINIC_MEMBER'],
    });
  const second = await reach('au1', '/v1/clinics', session(ours.token), 'POST', CLINIC);
  const clinics = [ours.clinicId, (second.body as { id: string }).id]; // a clinic has one
  const invited = [];
  for (let n = 0; n < INVITES; n++) invited.push(await invite(ours, clinics[n % 2] ?? '', n));
  expect(invited.map(({ status }) => status)).toEqual(Array<number>(INVITES).fill(200));
  const { inviteId } = invited[0]?.body as { inviteId: string }; // an invite has one
  const more = [
    await invite(ours, ours.clinicId, INVITES),
    await reach('au1', `/v1/clinics/${ours.clinicId}/invites/clinicians/${inviteId}`, session(ours.token), 'PATCH'),
    await reach('au1', `/v1/clinics/${ours.clinicId}/invites/clinicians`, basic(ours.key), 'POST', {
      email: 'by-key@nowhere.example',
      roles: ['CLINIC_MEMBER'],
    }),
  ];
  expect(more.map(({ status }) => status)).toEqual([429, 429, 429]);
  for (const { headers } of more) expect(Number(headers['retry-after'])).toBeGreaterThan(0);
  expect((await invite(neighbour, neighbour.clinicId, 0)).status).toBe(200);
});

describe('a request that says where it goes in two ways', () => {
  const good = () => `Host: api.au1.${platform.domain}`;
  const path = () => `/v1/clinics/${ours.clinicId}`;
  const who = () => `X-Tidepool-Session-Token: ${ours.token}`;
  const at = (target: string, ...lines: string[]) =>
    rawRequest(platform.shard('au1').api.port, [`GET ${target} HTTP/1.1`, ...lines, who()]);

  test('is served where it says so in one', async () => {
    expect((await at(path(), good())).status).toBe(200);
  });

  test.each<[string, (own: string) => readonly [target: string, ...lines: string[]]]>([
    ['two hosts', (own) => [path(), own, `Host: ${EVIL}`]],
    ['two hosts, ours last', (own) => [path(), `Host: ${EVIL}`, own]],
    ['the same host twice', (own) => [path(), own, own]],
    ['two hosts in one line', (own) => [path(), `${own}, ${EVIL}`]],
    ['a host with a user before it', () => [path(), `Host: ${EVIL}@api.au1.${platform.domain}`]],
    ['a host with a path', () => [path(), `Host: api.au1.${platform.domain}/${EVIL}`]],
    ['a host with a port that is none', () => [path(), `Host: api.au1.${platform.domain}:${EVIL}`]],
    ['a host in its line break', (own) => [path(), `${own}\r\n ${EVIL}`]],
    ['no host', () => [path(), 'Host:']],
    ['a host with a space before the colon', () => [path(), `Host : api.au1.${platform.domain}`]],
  ])('is refused: %s', async (_what, lines) => {
    const { status, headers } = await at(...lines(good()));
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
    expect(headers.has('location')).toBe(false);
  });

  test('goes by its host, whatever address stands in its target', async () => {
    const answer = await at(`http://${EVIL}${path()}`, good());
    expect([answer.status, answer.body.includes(EVIL)]).toEqual([200, false]);
    expect((await at(`http://api.au1.${platform.domain}${path()}`, `Host: ${EVIL}`)).status).toBe(404);
  });

  test('is served as if it had not, where nobody said that a proxy is to be believed', async () => {
    const plain = await at(path(), good());
    for (const line of [
      `X-Forwarded-Host: ${neighbour.subdomain}.au1.${platform.domain}`,
      `X-Forwarded-Host: ${EVIL}`,
      `Forwarded: host=${EVIL};proto=https;for=127.0.0.1`,
      `X-Forwarded-Server: ${EVIL}`,
      `X-Host: ${EVIL}`,
      'X-Original-URL: /v1/clinics',
      'X-Rewrite-URL: /v1/clinics',
      'X-Forwarded-Prefix: /v1/clinics',
      'X-Forwarded-Proto: javascript',
      'X-HTTP-Method-Override: DELETE',
      `Origin: https://${EVIL}`,
      `Referer: https://${EVIL}/`,
    ]) {
      const answer = await at(path(), good(), line);
      expect([line, answer.status, answer.body]).toEqual([line, plain.status, plain.body]);
      expect(JSON.stringify([...answer.headers])).not.toContain(EVIL);
    }
  });
});

describe('a redirect', () => {
  const targets = (own: string) => [
    own,
    `//${EVIL}/x`,
    `///${EVIL}/x`,
    `/\\${EVIL}/x`,
    `/%5c%5c${EVIL}`,
    `/%2f%2f${EVIL}`,
    `/.${EVIL}`,
    `/..//${EVIL}`,
    `/@${EVIL}/`,
    `/%0d%0aLocation:%20http://${EVIL}`,
    `/%0d%0aSet-Cookie:%20a=b`,
    '/%E5%98%8A%E5%98%8DSet-Cookie:%20a=b',
    `/x?next=http://${EVIL}/&url=//${EVIL}&return_to=https:${EVIL}&redirect_uri=http://${EVIL}`,
    `/x#@${EVIL}`,
    `http://${EVIL}${own}`,
    `http://${EVIL}`,
  ];
  const misleading = [
    `X-Forwarded-Host: ${EVIL}`,
    `Forwarded: host=${EVIL};proto=https`,
    'X-Forwarded-Proto: javascript',
    `X-Forwarded-Port: 8080@${EVIL}`,
    `X-Forwarded-Prefix: //${EVIL}`,
    `X-Original-URL: //${EVIL}`,
    `Referer: http://${EVIL}/`,
    `Origin: http://${EVIL}`,
  ];

  /** All redirects that these targets get, asked with and without what could mislead. */
  async function redirectsOf(port: number, host: string, own: string, more: readonly string[]): Promise<string[]> {
    const locations: string[] = [];
    for (const target of targets(own))
      for (const method of ['GET', 'POST'])
        for (const lines of [[], misleading]) {
          const answer = await rawRequest(port, [
            `${method} ${target} HTTP/1.1`,
            `Host: ${host}`,
            'Content-Length: 0',
            ...more,
            ...lines,
          ]);
          expect([target, answer.status >= 300 && answer.status < 500]).toEqual([target, true]);
          expect(answer.headers.has('set-cookie')).toBe(false);
          if (answer.headers.has('location')) locations.push(answer.headers.get('location') ?? '');
        }
    return locations;
  }

  test('of the address without a shard leads to a shard of ours', async () => {
    const key = `Authorization: ${basic(foreign.key).authorization}`;
    const locations = await redirectsOf(platform.directory.port, `api.${platform.domain}`, '/v1/clinics', [key]);
    expect(locations.length).toBeGreaterThan(30);
    expect(new Set(locations.map((location) => new URL(location).host))).toEqual(
      new Set([`api.uk1.${platform.domain}:${platform.shard('uk1').api.port}`]),
    );
  });

  test('of an account that has moved leads to where it is', async () => {
    const moving = await newPractice('au', 'moves-about');
    const started = await call({
      method: 'POST',
      url: `${platform.directory.url}/caregate/v1/accounts/moves-about/moves`,
      headers: { authorization: `Bearer ${platform.operatorToken}` },
      body: { to: 'uk1' },
    });
    expect(started.status).toBe(201);
    const host = `moves-about.au1.${platform.domain}`;
    const own = `/v1/clinics/${moving.clinicId}`;
    await eventually(
      'the account has moved',
      async () => (await reach('au1', own, { host, ...basic(moving.key) })).status === 301,
      60_000,
    );
    const locations = await redirectsOf(platform.shard('au1').api.port, host, own, []);
    const byPath = await redirectsOf(platform.shard('au1').api.port, `api.au1.${platform.domain}`, own, [
      `X-Tidepool-Session-Token: ${ours.token}`,
    ]);
    expect(locations.length).toBeGreaterThan(0);
    const { port } = platform.shard('uk1').api;
    expect(new Set(locations.map((location) => new URL(location).host))).toEqual(
      new Set([`moves-about.uk1.${platform.domain}:${port}`]),
    );
    expect(byPath.length).toBeGreaterThan(0);
    expect(new Set(byPath.map((location) => new URL(location).host))).toEqual(
      new Set([`api.uk1.${platform.domain}:${port}`]),
    );
  }, 90_000);

  test('is nowhere else: no page and no answer of the apps leads on', async () => {
    for (const app of platform.apps)
      for (const path of [
        '/',
        '/sign-up',
        '/sign-up?next=//evil.test',
        '/docs',
        '/docs/',
        '/docs//evil.test',
        '//evil.test/..',
        '/ready',
        '/metrics',
      ]) {
        const answer = await rawRequest(app.port, [`GET ${path} HTTP/1.1`, 'Host: 127.0.0.1', ...misleading]);
        expect([app.name, path, answer.headers.get('location'), answer.body.includes(EVIL)]).toEqual([
          app.name,
          path,
          undefined,
          false,
        ]);
      }
  });
});

const CLINIC = { name: 'A clinic', country: 'AU', preferredBgUnits: 'mmol/L' };

/** Asks the API of a shard for what whoever sends these headers may. */
const reach = (shard: string, path: string, headers: Record<string, string>, method = 'GET', body?: unknown) =>
  call({ method, url: platform.shard(shard).api.url + path, headers, ...(body !== undefined && { body }) });

const signIn = (shard: string, email: string, password: string, headers: Record<string, string> = {}) =>
  reach(shard, '/caregate/v1/sessions', headers, 'POST', { email, password });

const signUp = (region: string, subdomain: string, email: string, password = PASSWORD) =>
  call({
    method: 'POST',
    url: `${platform.directory.url}/caregate/v1/accounts`,
    body: { subdomain, region, name: subdomain, owner: { email, fullName: 'Dana Owner', password } },
  });

async function newPractice(region: string, subdomain: string): Promise<Practice> {
  const shard = `${region}1`;
  const email = `owner@${subdomain}.example`;
  const made = async ({ status, body }: Awaited<ReturnType<typeof call>>) => {
    expect([body, status < 300]).toEqual([body, true]);
    return body as Record<string, string>; // what is made is an object
  };
  const { accountId = '' } = await made(await signUp(region, subdomain, email));
  await confirmed(platform.shard(shard), { accountId }, PASSWORD);
  const { token = '' } = await made(await signIn(shard, email, PASSWORD));
  const keys = `/caregate/v1/accounts/${accountId}/api_keys`;
  const { key = '' } = await made(await reach(shard, keys, session(token), 'POST', { name: 'Integration' }));
  const { id: clinicId = '' } = await made(await reach(shard, '/v1/clinics', basic(key), 'POST', CLINIC));
  return { subdomain, shard, accountId, email, token, key, clinicId };
}
