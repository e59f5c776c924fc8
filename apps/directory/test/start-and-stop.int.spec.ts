import { eventually } from '@caregate/eventually';
import { DirectoryProcess } from './directory-process.ts';
import { newSignUp, startWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => void (world = await startWorld({ SIGN_UPS_PER_HOUR: '2' })));
afterAll(() => world.stop());

test.each([
  [{ SHARDS_FILE: '' }, /SHARDS_FILE is needed/],
  [{ SHARDS_FILE: '/nowhere/shards.yaml' }, /SHARDS_FILE cannot be used: .*no such file/],
  [{ DEFAULT_SHARD: 'nz1' }, /SHARDS_FILE cannot be used: the default shard nz1 is not listed/],
  [{ DEFAULT_SHARD: 'AU1' }, /DEFAULT_SHARD must be a shard id/],
  [{ DIRECTORY_SIGNING_KEY: '' }, /DIRECTORY_SIGNING_KEY is needed: .*caregate directory-key generate/],
  [{ DIRECTORY_SIGNING_KEY: 'planted' }, /DIRECTORY_SIGNING_KEY must be an Ed25519 private key, as a JWK or PEM$/m],
  [
    { PROVISIONING_SECRET: 'planted' },
    /PROVISIONING_SECRET is not used any more: give DIRECTORY_SIGNING_KEY to the directory and DIRECTORY_PUBLIC_KEYS to each clinic-api/,
  ],
  [{ PUBLIC_PORT: '99999' }, /PUBLIC_PORT/],
  [{ MONGODB_URI: 'nonsense' }, /MONGODB_URI/],
])('a wrong setting %j stops it at start with one clear line', async (wrong, message) => {
  const { code, output } = await new DirectoryProcess({ ...world.env, ...wrong }).run();
  expect(code).toBe(1);
  expect(output).toMatch(message);
  expect(output.trim().split('\n')).toHaveLength(1);
  expect(output).not.toContain('planted');
});

test('while MongoDB is away it starts, says that it is not ready, and refuses politely', async () => {
  const directory = await new DirectoryProcess({ ...world.env, MONGODB_URI: 'mongodb://127.0.0.1:9/x' }).start();
  try {
    const ready = await directory.call('GET', '/ready');
    expect([ready.status, ready.body['message']]).toEqual([503, expect.stringMatching(/not ready: mongodb/)]);
    const answer = await directory.call('POST', '/caregate/v1/accounts', { body: newSignUp() });
    expect([answer.status, Number(answer.headers['retry-after'])]).toEqual([503, expect.any(Number)]);
    expect((await directory.call('GET', '/caregate/v1/regions')).status).toBe(200);
  } finally {
    expect(await directory.end()).toBe(0);
  }
});

test('an address can sign up only so many accounts an hour', async () => {
  const signUp = () => world.directory.call('POST', '/caregate/v1/accounts', { body: newSignUp() });
  expect([(await signUp()).status, (await signUp()).status]).toEqual([201, 201]);
  const refused = await signUp();
  expect(refused.status).toBe(429);
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
});

test('under localhost the addresses are those that work on this machine', async () => {
  const directory = await (
    await new DirectoryProcess({ ...world.env, DOMAIN: 'localhost', SIGN_UPS_PER_HOUR: '100' }).start()
  ).ready();
  try {
    const { body } = await directory.call('POST', '/caregate/v1/accounts', {
      body: newSignUp({ subdomain: 'at-home' }),
    });
    expect(body['urls']).toEqual({
      account: `http://at-home.au1.localhost:${world.au1.port}`,
      api: `http://api.au1.localhost:${world.au1.port}`,
    });
  } finally {
    await directory.end();
  }
});

test('SIGTERM lets it finish what is running and ends it with 0', async () => {
  const directory = await (await new DirectoryProcess({ ...world.env, SIGN_UPS_PER_HOUR: '100' }).start()).ready();
  const wanted = newSignUp({ region: 'uk' });
  let held = false;
  world.uk1.fault = (response) => {
    held = true;
    setTimeout(() => response.writeHead(200).end('{}'), 300);
  };
  const answer = directory.call('POST', '/caregate/v1/accounts', { body: wanted });
  await eventually(() => held);
  const ended = directory.end();
  expect((await answer).status).toBe(201);
  expect(await ended).toBe(0);
});
