import { connect } from 'node:net';
import { startServers, startShards, type App, type Platform, type Servers } from '@caregate/stack';
import { call, eventually } from '@caregate/demo';

// These tests take servers away, so they run on servers of their own.
let servers: Servers;
let platform: Platform;

beforeAll(async () => {
  servers = await startServers({ env: {} });
  platform = await startShards(servers, { shards: ['au1'] });
});

afterAll(async () => {
  await platform?.stop();
  await servers?.stop();
});

const ready = async (app: App) => (await call({ url: `${app.url}/ready` })).status === 200;
const becomes = (app: App, wanted: boolean) =>
  eventually(
    `${app.label} is ${wanted ? '' : 'not '}ready`,
    async () => (await ready(app).catch(() => false)) === wanted,
    60_000,
  );

describe('bad input gets 4xx and says why', () => {
  const api = () => platform.shard('au1').api.url;
  const token = { 'x-tidepool-session-token': 'not-a-token' };
  const basic = (key: string) => ({ authorization: `Basic ${Buffer.from(`${key}:`).toString('base64')}` });

  test.each([
    ['no token', {}, 400],
    ['an unknown token', token, 401],
    ['a key that is no key', basic('a-b-c'), 401],
    ['an empty key', basic(''), 401],
    ['a key of a shard id that is none', basic('secret-zz999'), 401],
    ['an unknown key', basic('0123456789abcdef-au1'), 401],
    ['a wrong provisioning secret', { authorization: 'Bearer wrong' }, 401],
  ])('%s', async (_what, headers, status) => {
    const answer = await call({ url: `${api()}/v1/clinics/0123456789abcdef01234567`, headers });
    expect(answer.status).toBe(status);
    expect(answer.body).toEqual({ message: expect.any(String) });
    expect(JSON.stringify(answer.body)).not.toContain('0123456789abcdef-au1');
  });

  test('malformed JSON', async () => {
    const response = await fetch(`${api()}/caregate/v1/sessions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"email":',
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ message: expect.stringContaining('not valid JSON') });
  });

  test('an unknown route', async () => {
    expect(await call({ url: `${api()}/v1/nothing`, headers: token })).toMatchObject({
      status: 404,
      body: { message: 'no matching operation was found' },
    });
  });

  test.each([
    ['another shard’s host', 'api.uk1.localhost', 421],
    ['an unknown subdomain', 'nobody-at-all.au1.localhost', 404],
    ['a foreign host', 'evil.example.com', 404],
  ])('%s', async (_what, host, status) => {
    const answer = await call({ url: `${api()}/v1/clinics/0123456789abcdef01234567`, headers: { host, ...token } });
    expect(answer.status).toBe(status);
    expect(answer.body).toEqual({ message: expect.any(String) });
  });
});

describe('a server that is away', () => {
  test('MongoDB: the apps report not ready, the API answers 503, and all work again when it is back', async () => {
    const { api, worker, sync } = platform.shard('au1');
    const apps = [api, worker, sync, platform.directory];
    await servers.mongod.kill();
    await Promise.all(apps.map((app) => becomes(app, false)));
    const { status, headers } = await call({
      url: `${platform.directory.url}/caregate/v1/subdomains/good-healthy-times`,
    });
    expect(status).toBe(503);
    expect(headers['retry-after']).toBeDefined();
    await servers.mongod.start();
    await Promise.all(apps.map((app) => becomes(app, true)));
    expect((await call({ url: `${platform.directory.url}/caregate/v1/subdomains/good-healthy-times` })).status).toBe(
      200,
    );
  });

  test('Kafka: worker and gatekeeper-sync report not ready, the API goes on, and all work again when it is back', async () => {
    const { api, worker, sync } = platform.shard('au1');
    await servers.kafka.kill();
    await Promise.all([becomes(worker, false), becomes(sync, false)]);
    expect(await ready(api)).toBe(true);
    await servers.kafka.start();
    await Promise.all([becomes(worker, true), becomes(sync, true)]);
  });

  test('an app that starts while MongoDB is away waits for it', async () => {
    const { api } = platform.shard('au1');
    await servers.mongod.kill();
    expect(await api.stop()).toBe(0);
    const started = api.start();
    await eventually(
      'the app answers that it is not ready',
      async () => (await call({ url: `${api.url}/ready` }).catch(() => ({ status: 0 }))).status === 503,
    );
    await servers.mongod.start();
    await started;
    expect(await ready(api)).toBe(true);
  });
});

test('SIGTERM finishes the request that is running, then the app exits 0', async () => {
  const { api } = platform.shard('au1');
  // The request is under way, as its headers have arrived, and its body comes only after the signal.
  const body = JSON.stringify({ email: 'nobody@example.test', password: 'wrong password' });
  const socket = connect(api.port, '127.0.0.1');
  let answer = '';
  socket.on('data', (chunk) => (answer += chunk));
  const closed = new Promise((resolve) => socket.once('close', resolve));
  const head = [
    'POST /caregate/v1/sessions HTTP/1.1',
    'Host: localhost',
    'Content-Type: application/json',
    'Expect: 100-continue',
    `Content-Length: ${body.length}`,
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  await eventually('the server asks for the body', async () => answer.includes('100 Continue'));
  const stopped = api.stop();
  await eventually('the app takes no new connections', () => refuses(api.port));
  socket.write(body);
  await closed;
  expect(answer).toMatch(/HTTP\/1\.1 401 /);
  expect(await stopped).toBe(0);
  await api.start();
});

const refuses = (port: number) =>
  new Promise<boolean>((resolve) => {
    const probe = connect(port, '127.0.0.1', () => {
      probe.destroy();
      resolve(false);
    });
    probe.once('error', () => resolve(true));
  });
