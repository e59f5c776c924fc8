import { DirectoryProcess } from './directory-process.ts';
import { newSignUp, startWorld, type World } from './world.ts';

let world: World;
/** One that trusts the proxy on this machine, beside the world's own, which trusts nobody. */
let trusting: DirectoryProcess;
beforeAll(async () => {
  world = await startWorld({ SIGN_UPS_PER_HOUR: '1', SIGN_UPS_PER_EMAIL: '2' });
  trusting = await (await new DirectoryProcess({ ...world.env, TRUSTED_PROXIES: '127.0.0.0/8' }).start()).ready();
});
afterAll(async () => {
  await trusting.end();
  await world.stop();
});

const unsharded = (directory: DirectoryProcess, headers: Record<string, string>) =>
  directory.call('GET', '/v1/clinics', { headers: { host: 'internal.test', ...headers } });

test('the host that was asked for is what a trusted proxy says it was', async () => {
  const found = await unsharded(trusting, { 'x-forwarded-host': 'api.example.test' });
  expect([found.status, found.headers['location']]).toEqual([301, 'https://api.au1.example.test/v1/clinics']);
  const forged = await unsharded(world.directory, { 'x-forwarded-host': 'api.example.test' });
  expect([forged.status, forged.headers['location']]).toEqual([404, undefined]);
});

test('Forwarded is believed only where proxies are said to speak by it', async () => {
  const forwarded = { forwarded: 'for=203.0.113.7;host=api.example.test;proto=https' };
  expect((await unsharded(trusting, forwarded)).status).toBe(404);
  const env = { ...world.env, TRUSTED_PROXIES: 'loopback', PROXY_HEADERS: 'forwarded' };
  const other = await (await new DirectoryProcess(env).start()).ready();
  try {
    expect((await unsharded(other, forwarded)).status).toBe(301);
    expect((await unsharded(other, { 'x-forwarded-host': 'api.example.test' })).status).toBe(404);
  } finally {
    await other.end();
  }
});

test.each([
  'evil.test',
  'api.example.test@evil.test',
  'api.example.test/../evil.test',
  'api.example.test:80@evil.test',
  'evil.test#api.example.test',
  '"api.example.test"',
  'api.example.test\tevil.test',
])('no host leads away from ours: %j', async (name) => {
  for (const directory of [trusting, world.directory]) {
    const places: Record<string, string>[] = [
      { 'x-forwarded-host': name },
      { forwarded: `host="${name}"` },
      { host: name },
    ];
    for (const headers of places) {
      const { status, headers: answered } = await unsharded(directory, headers);
      expect([400, 404]).toContain(status);
      expect(answered['location']).toBeUndefined();
    }
  }
});

test('an email is mailed about only so many sign-ups an hour, from however many addresses, and others have theirs', async () => {
  let address = 0;
  const signUp = async (email: string) => {
    const body = newSignUp();
    const headers = { 'x-forwarded-for': `203.0.113.${100 + ++address}` };
    const given = { ...body, owner: { ...body.owner, email } };
    return trusting.call('POST', '/caregate/v1/accounts', { body: given, headers });
  };
  const [one, two, three, other] = [
    await signUp('victim@example.test'),
    await signUp('Victim@example.test'),
    await signUp('victim+more@example.test'),
    await signUp('other@example.test'),
  ];
  expect([one, two, three, other].map(({ status }) => status)).toEqual([201, 201, 429, 201]);
  expect(Number(three.headers['retry-after'])).toBeGreaterThan(0);
});

test('each address has its own limit of sign-ups behind a trusted proxy, and none is made up elsewhere', async () => {
  const signUp = async (directory: DirectoryProcess, address: string) => {
    const headers = { 'x-forwarded-for': address };
    return (await directory.call('POST', '/caregate/v1/accounts', { body: newSignUp(), headers })).status;
  };
  expect(await signUp(trusting, '203.0.113.7')).toBe(201);
  expect(await signUp(trusting, '203.0.113.7')).toBe(429);
  expect(await signUp(trusting, '198.51.100.1, 203.0.113.7')).toBe(429); // the first was written by the client
  expect(await signUp(trusting, '203.0.113.8')).toBe(201);
  expect(await signUp(world.directory, '203.0.113.9')).toBe(201);
  expect(await signUp(world.directory, '203.0.113.10')).toBe(429);
});

test('wrong settings stop it at start with one line that names each', async () => {
  const wrong = {
    TRUSTED_PROXIES: 'everybody',
    PROXY_HEADERS: 'x-real-ip',
    UNSHARDED_MODE: 'ask',
    UNSHARDED_SUNSET: 'soon',
    UNSHARDED_DOCS: 'javascript:alert(1)',
  };
  const { code, output } = await new DirectoryProcess({ ...world.env, ...wrong }).run();
  expect(code).toBe(1);
  expect(output.trim().split('\n')).toHaveLength(1);
  for (const said of [
    /TRUSTED_PROXIES must be addresses and networks/,
    /PROXY_HEADERS /,
    /UNSHARDED_MODE /,
    /UNSHARDED_SUNSET must be a day such as 2026-11-24/,
    /UNSHARDED_DOCS must be the address of a page/,
  ])
    expect(output).toMatch(said);
});
