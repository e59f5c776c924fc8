import { once } from 'node:events';
import { type IncomingMessage, request as send, type RequestOptions, type ServerResponse } from 'node:http';
import { eventually } from '@caregate/eventually';
import { type ShardStandIn } from './shard-stand-in.ts';
import { newSignUp, startWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld({
    UNSHARDED_MODE: 'proxy',
    UNSHARDED_SUNSET: '2027-06-30',
    UNSHARDED_DOCS: 'https://docs.example.test/shards',
  });
});
afterAll(() => world.stop());

const host = 'api.example.test';
const basic = (key: string) => ({ authorization: `Basic ${Buffer.from(`${key}:`).toString('base64')}` });

/** What a shard was asked, with the bytes of the body. */
async function asked(shard: ShardStandIn, options: RequestOptions, body?: string) {
  let seen: Record<string, unknown> | undefined;
  shard.api = async (request, response) => {
    const { method, url, headers } = request;
    seen = { method, url, headers, body: (await request.setEncoding('utf8').toArray()).join('') };
    response
      .writeHead(207, 'Multi', { 'content-type': 'text/plain', etag: '"e"', connection: 'x-private', 'x-private': '1' })
      .end('from the shard');
  };
  const answer = await call(options, body);
  return { seen, answer };
}

async function call({ headers, ...options }: RequestOptions, body?: string) {
  const request = send(world.directory.url, { ...options, headers: { host, ...headers } });
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage]; // what Node emits
  const text = (await response.setEncoding('utf8').toArray()).join('');
  return { status: response.statusCode, headers: response.headers, text };
}

test('method, path, query, headers and body arrive as they are, and so does the answer', async () => {
  const { seen, answer } = await asked(
    world.uk1,
    {
      method: 'PATCH',
      path: '/v1/clinics/./%2e%2e//a%2Fb?limit=2&q=%20&q=+',
      headers: { ...basic('MS0x-uk1'), 'content-type': 'application/x-any', 'x-own': 'a, b', 'content-length': 9 },
    },
    'some text',
  );
  expect(seen).toMatchObject({
    method: 'PATCH',
    url: '/v1/clinics/./%2e%2e//a%2Fb?limit=2&q=%20&q=+',
    headers: {
      ...basic('MS0x-uk1'),
      'content-type': 'application/x-any',
      'x-own': 'a, b',
      host: 'api.uk1.example.test',
    },
    body: 'some text',
  });
  expect(answer).toMatchObject({
    status: 207,
    text: 'from the shard',
    headers: { 'content-type': 'text/plain', etag: '"e"' },
  });
});

test('the answer says that the address is deprecated, when it ends, and where to read about it', async () => {
  const { answer } = await asked(world.au1, { path: '/v1/clinics' });
  expect(answer.headers).toMatchObject({
    deprecation: '@1795478400',
    sunset: 'Wed, 30 Jun 2027 00:00:00 GMT',
    link: expect.stringContaining('<https://docs.example.test/shards>; rel="deprecation"'),
  });
});

test.each([
  ['a key ending in -uk1', basic('MS0xLWl4SzYY-uk1'), 'uk1'],
  ['a key ending in -au1', basic('MS0xLWl4SzYY-au1'), 'au1'],
  ['a key of the time before shards', basic('MS0xLWl4SzYY'), 'au1'],
  ['a session token', { 'x-tidepool-session-token': 'token' }, 'au1'],
  ['nothing', {}, 'au1'],
] as const)('with %s the right shard is asked', async (_what, headers, shard) => {
  const { seen } = await asked(world[shard], { path: '/v1/clinics', headers });
  expect(seen).toMatchObject({ headers: { ...headers, host: `api.${shard}.example.test` } });
});

test('a key of a shard that does not exist is refused here', async () => {
  expect(await call({ path: '/v1/clinics', headers: basic('MS0xLWl4SzYY-nz1') })).toMatchObject({
    status: 401,
    headers: { 'www-authenticate': expect.stringMatching(/^Basic realm=/) },
    text: expect.stringContaining('names shard nz1, which does not exist'),
  });
});

test('what is about a connection is not handed on, in either direction', async () => {
  const { seen, answer } = await asked(world.au1, {
    path: '/v1/clinics',
    headers: {
      connection: 'close, x-hop',
      'x-hop': '1',
      te: 'trailers',
      'proxy-authorization': 'Basic x',
      'keep-alive': 'timeout=1',
      upgrade: 'h2c',
    },
  });
  const { headers } = seen as { headers: Record<string, string> }; // as `asked` made it
  for (const name of ['x-hop', 'te', 'proxy-authorization', 'upgrade']) expect(headers).not.toHaveProperty(name);
  expect(answer.headers).not.toHaveProperty('x-private');
});

test('nothing that a client says of its origin is handed on; the shard is told who it was', async () => {
  const { seen } = await asked(world.au1, {
    path: '/v1/clinics',
    headers: {
      forwarded: 'for=198.51.100.1;host=evil.test',
      'x-forwarded-for': '198.51.100.1',
      'x-forwarded-host': 'evil.test',
      'x-forwarded-proto': 'https',
    },
  });
  expect(seen).toMatchObject({
    headers: { forwarded: 'for=127.0.0.1;proto=http', 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'http' },
  });
  expect(seen?.['headers']).not.toHaveProperty('x-forwarded-host');
});

test('no request target leads to another server', async () => {
  for (const path of ['http://evil.test/v1', '//evil.test/v1', '/\\evil.test', '*']) {
    const { seen } = await asked(world.au1, { path, method: 'OPTIONS' });
    expect(seen).toMatchObject({ url: expect.stringMatching(/^\//), headers: { host: 'api.au1.example.test' } });
  }
});

test('a shard is asked once the whole body is here, and the answer is handed on while it comes', async () => {
  const asked: string[] = [];
  let goOn = (): void => undefined;
  world.au1.api = async (request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(200, { 'content-type': 'text/plain' });
    if (request.method === 'GET') return void response.end();
    const body = (await request.setEncoding('utf8').toArray()).join('');
    response.write(`got ${body};`);
    goOn = () => response.end('done');
  };
  const request = send(world.directory.url, {
    method: 'POST',
    path: '/v1/slow',
    headers: { host, 'content-type': 'text/plain' },
  });
  request.write('one');
  await call({ path: '/v1/quick' });
  expect(asked).toEqual(['/v1/quick']);
  request.end('two');
  const [response] = (await once(request, 'response')) as [IncomingMessage]; // what Node emits
  let text = '';
  response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  await eventually(() => text === 'got onetwo;');
  goOn();
  await once(response, 'end');
  expect([asked, text]).toEqual([['/v1/quick', '/v1/slow'], 'got onetwo;done']);
});

test.each([
  ['says how large it is', { 'content-length': 1024 * 1024 + 1 }],
  ['does not say it', { 'transfer-encoding': 'chunked' }],
])('a body that is larger than any shard takes, and %s, is refused here', async (_how, headers) => {
  const { seen, answer } = await asked(
    world.au1,
    { method: 'POST', path: '/v1/x', headers: { 'content-type': 'text/plain', ...headers } },
    'x'.repeat(1024 * 1024 + 1),
  );
  expect(seen).toBeUndefined();
  expect(answer).toMatchObject({ status: 413, headers: { connection: 'close' } });
  expect(JSON.parse(answer.text)).toEqual({ message: 'request body has an error: it is larger than 1 MiB' });
});

test.each([
  ['while the shard has not answered yet', (_response: ServerResponse) => undefined],
  ['while the answer comes', (response: ServerResponse) => void response.writeHead(200).write('a part')],
])('a client who goes away %s frees the request to the shard', async (_when, begin) => {
  let freed = false;
  let held = false;
  world.au1.api = (_request, response) => {
    held = true;
    response.on('close', () => (freed = !response.writableFinished));
    begin(response);
  };
  const request = send(world.directory.url, { path: '/v1/x', headers: { host } });
  request.on('error', () => undefined).end();
  await eventually(() => held);
  expect(freed).toBe(false);
  request.destroy();
  await eventually(() => freed);
});

test('an answer to HEAD, one without a body, and a refusal are handed on', async () => {
  world.au1.api = ({ method }, response) =>
    method === 'HEAD'
      ? void response.writeHead(200, { 'content-length': '42', 'content-type': 'text/plain' }).end()
      : void response.writeHead(method === 'DELETE' ? 204 : 401, { 'caregate-shard': 'uk1' }).end();
  expect(await call({ method: 'HEAD', path: '/v1/x' })).toMatchObject({
    status: 200,
    headers: { 'content-length': '42' },
  });
  expect(await call({ method: 'DELETE', path: '/v1/x' })).toMatchObject({ status: 204, text: '' });
  expect(await call({ path: '/v1/x' })).toMatchObject({ status: 401, headers: { 'caregate-shard': 'uk1' } });
});

test('while the shard is away callers are told to try again, and nothing else', async () => {
  await world.au1.stop();
  try {
    const answer = await call({ method: 'POST', path: '/v1/x', headers: { 'content-type': 'text/plain' } }, 'text');
    expect(answer).toMatchObject({
      status: 503,
      headers: { 'retry-after': '2', 'content-type': 'application/json; charset=utf-8' },
    });
    expect(JSON.parse(answer.text)).toEqual({ message: 'shard au1 does not answer just now; try again in a moment' });
  } finally {
    await world.au1.start();
  }
});

test('an answer that breaks off is broken off for the caller too, and the directory goes on', async () => {
  world.au1.api = (_request, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('a part');
    setImmediate(() => response.destroy());
  };
  await expect(call({ path: '/v1/x' })).rejects.toThrow(/aborted|hang up|reset/);
  const { answer } = await asked(world.au1, { path: '/v1/x' });
  expect(answer.status).toBe(207);
});

test('how often the address is used still can be seen', async () => {
  const { body } = await world.directory.call('GET', '/metrics');
  expect(String(body['text'])).toMatch(/caregate_unsharded_requests_total\{shard="uk1"\} [1-9]/);
});

test('what is the directory’s own stays so, and keys are in no log', async () => {
  const answer = await world.directory.call('POST', '/caregate/v1/accounts', { body: newSignUp(), headers: { host } });
  expect(answer.status).toBe(201);
  expect(world.directory.output).not.toContain('MS0x');
  expect(world.directory.output).not.toContain(Buffer.from('MS0xLWl4SzYY').toString('base64'));
});
