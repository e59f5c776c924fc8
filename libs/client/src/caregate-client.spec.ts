import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { InvalidApiKey } from '@caregate/shard';
import { CaregateClient, type CaregateClientOptions, type MovedEvent } from './index.ts';

const contact = 'Your name (integrations@example.com)';
const PATIENT = '/v1/clinics/0123456789abcdef01234567/patients/a0c1d2e3f4';

type Answerer = (request: IncomingMessage, response: ServerResponse, body: string) => void;

/** Two shards that answer as a test says, and note what they were sent. */
class Shards {
  readonly asked: { shard: string; method: string; url: string; headers: IncomingMessage['headers']; body: string }[] =
    [];
  private readonly servers = new Map<string, Server>();

  async start(answers: Record<string, Answerer>): Promise<this> {
    for (const [shard, answer] of Object.entries(answers)) {
      const server = createServer(async (request, response) => {
        const body = (await request.setEncoding('utf8').toArray()).join('');
        this.asked.push({
          shard,
          method: request.method ?? '',
          url: request.url ?? '',
          headers: request.headers,
          body,
        });
        answer(request, response, body);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      this.servers.set(shard, server);
    }
    return this;
  }

  readonly urlOf = (shard: string) => {
    const address = this.servers.get(shard)?.address() as AddressInfo | undefined; // a listening TCP server
    return `http://127.0.0.1:${address?.port ?? 9}`;
  };

  client(apiKey: string, options: Partial<CaregateClientOptions> = {}): CaregateClient {
    return new CaregateClient({ apiKey, contact, apiUrlOf: this.urlOf, ...options });
  }

  async stop(): Promise<void> {
    for (const server of this.servers.values()) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }
}

let shards: Shards;
afterEach(() => shards?.stop());

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answerer =>
  (_request, response) =>
    void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
const patient = json(200, { id: 'a0c1d2e3f4', fullName: 'Pat' });
const movedTo = (shard: string) =>
  json(
    401,
    { message: `the account of this API key has moved; send the request to api.${shard}.caregate.example` },
    { 'caregate-shard': shard },
  );

test.each([
  ['MS0xLWl4SzYY-uk1', 'uk1', 'MS0xLWl4SzYY-uk1:'],
  ['MS0xLWl4SzYY', 'au1', 'MS0xLWl4SzYY-au1:'],
])('with the key %s requests go to %s, with key and contact', async (apiKey, shard, credentials) => {
  shards = await new Shards().start({ au1: patient, uk1: patient });
  const { data } = await shards.client(apiKey).api.GET('/v1/clinics/{clinicId}/patients/{patientId}', {
    params: { path: { clinicId: '0123456789abcdef01234567', patientId: 'a0c1d2e3f4' } },
  });
  expect(data).toMatchObject({ fullName: 'Pat' });
  expect(shards.asked).toHaveLength(1);
  expect(shards.asked[0]).toMatchObject({
    shard,
    url: PATIENT,
    headers: { authorization: `Basic ${btoa(credentials)}`, 'user-agent': contact, accept: 'application/json' },
  });
});

test('on the service’s own domain the host is that of the shard', async () => {
  const asked: string[] = [];
  const client = new CaregateClient({
    apiKey: 'secret-ca1',
    contact,
    domain: 'caregate.test',
    fetch: async (url) => {
      asked.push(String(url));
      return new Response('{}', { status: 200 });
    },
  });
  await client.fetch('/v1/clinics?limit=1');
  expect(asked).toEqual(['https://api.ca1.caregate.test/v1/clinics?limit=1']);
});

test.each([
  ['a 401 that names the shard in its header', movedTo('uk1')],
  ['a 401 that names the host in its message', json(401, { message: 'send the request to api.uk1.caregate.example' })],
  ['a 301', json(301, {}, { location: `https://api.uk1.caregate.example${PATIENT}` })],
  ['a 308', json(308, {}, { location: `https://api.uk1.caregate.example${PATIENT}`, 'caregate-shard': 'uk1' })],
])('%s is followed once, and its owner is told', async (_what, answer) => {
  shards = await new Shards().start({ au1: answer, uk1: patient });
  const client = shards.client('secret-au1');
  const told: MovedEvent[] = [];
  client.onMoved((event) => told.push(event));
  expect((await client.fetch(PATIENT)).status).toBe(200);
  expect((await client.fetch(PATIENT)).status).toBe(200);
  expect(shards.asked.map(({ shard }) => shard)).toEqual(['au1', 'uk1', 'uk1']);
  expect(shards.asked[1]?.headers.authorization).toBe(`Basic ${btoa('secret-uk1:')}`);
  expect(told.map(({ from, to, apiKey }) => ({ from, to, apiKey }))).toEqual([
    { from: 'au1', to: 'uk1', apiKey: 'secret-uk1' },
  ]);
  expect([client.shardId, client.apiKey]).toEqual(['uk1', 'secret-uk1']);
});

test('a body is sent again as it was, under one Idempotency-Key', async () => {
  shards = await new Shards().start({ au1: movedTo('uk1'), uk1: patient });
  const body = JSON.stringify({ fullName: 'Zoë', birthDate: '1980-01-01' });
  const answer = await shards
    .client('secret-au1')
    .fetch('/v1/clinics/c/patients', { method: 'POST', body, headers: { 'content-type': 'application/json' } });
  expect(answer.status).toBe(200);
  expect(shards.asked.map((each) => [each.method, each.body, each.headers['content-type']])).toEqual([
    ['POST', body, 'application/json'],
    ['POST', body, 'application/json'],
  ]);
  const keys = shards.asked.map(({ headers }) => headers['idempotency-key']);
  expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
  expect(keys[1]).toBe(keys[0]);
});

test('requests that are under way when the account moves all follow it, and its owner is told once', async () => {
  const waiting: (() => void)[] = [];
  const moved = movedTo('uk1');
  // The old shard answers when it has been asked by all three.
  const late: Answerer = (...given) => {
    waiting.push(() => moved(...given));
    if (waiting.length === 3) for (const answer of waiting) answer();
  };
  shards = await new Shards().start({ au1: late, uk1: patient });
  const client = shards.client('secret-au1');
  const told: MovedEvent[] = [];
  client.onMoved((event) => told.push(event));
  const answers = await Promise.all([1, 2, 3].map(() => client.fetch(PATIENT)));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(told.map(({ to }) => to)).toEqual(['uk1']);
  expect(shards.asked.map(({ shard }) => shard)).toEqual(['au1', 'au1', 'au1', 'uk1', 'uk1', 'uk1']);
});

test('shards that send it to and fro are asked once each', async () => {
  shards = await new Shards().start({ au1: movedTo('uk1'), uk1: movedTo('au1') });
  expect((await shards.client('secret-au1').fetch(PATIENT)).status).toBe(401);
  expect(shards.asked.map(({ shard }) => shard)).toEqual(['au1', 'uk1']);
});

test.each([
  ['a foreign host', 'https://evil.test/v1'],
  ['a host that looks like one of ours', 'https://api.uk1.caregate.example.evil.test/v1'],
  ['no address', 'nonsense'],
])('a redirect to %s is handed on and not followed', async (_what, location) => {
  shards = await new Shards().start({ au1: json(301, {}, { location }), uk1: patient });
  const client = shards.client('secret-au1');
  expect((await client.fetch(PATIENT)).status).toBe(301);
  expect(shards.asked).toHaveLength(1);
  expect(client.shardId).toBe('au1');
});

test('an ordinary 401 is handed on', async () => {
  shards = await new Shards().start({ au1: json(401, { message: 'the API key was revoked' }) });
  const answer = await shards.client('secret-au1').fetch(PATIENT);
  expect([answer.status, await answer.json()]).toEqual([401, { message: 'the API key was revoked' }]);
  expect(shards.asked).toHaveLength(1);
});

test.each([429, 503])('%d is tried again as told, until it is answered', async (status) => {
  let refusals = 2;
  const busy = json(status, { message: 'busy' }, { 'retry-after': '0' });
  shards = await new Shards().start({ au1: (...given) => (refusals-- > 0 ? busy(...given) : patient(...given)) });
  expect((await shards.client('secret-au1').fetch(PATIENT)).status).toBe(200);
  expect(shards.asked).toHaveLength(3);
});

test('a wait is as long as it was asked for', async () => {
  let refusals = 1;
  const busy = json(503, { message: 'busy' }, { 'retry-after': '1' });
  shards = await new Shards().start({ au1: (...given) => (refusals-- > 0 ? busy(...given) : patient(...given)) });
  const began = performance.now();
  expect((await shards.client('secret-au1').fetch(PATIENT)).status).toBe(200);
  expect(performance.now() - began).toBeGreaterThanOrEqual(990);
});

test('it gives up after as many attempts as it may take, and does not wait longer than it may', async () => {
  const busy = (wait: string) => json(503, { message: 'busy' }, { 'retry-after': wait });
  shards = await new Shards().start({ au1: busy('0'), uk1: busy('3600') });
  expect((await shards.client('secret-au1', { retries: 2 }).fetch(PATIENT)).status).toBe(503);
  expect((await shards.client('secret-uk1').fetch(PATIENT)).status).toBe(503);
  expect(shards.asked.map(({ shard }) => shard)).toEqual(['au1', 'au1', 'au1', 'uk1']);
});

test('a caller who has lost patience ends the wait', async () => {
  shards = await new Shards().start({ au1: json(503, { message: 'busy' }, { 'retry-after': '30' }) });
  const impatient = new AbortController();
  const asked = shards.client('secret-au1').fetch(PATIENT, { signal: impatient.signal });
  setTimeout(() => impatient.abort(new Error('enough')), 50);
  await expect(asked).rejects.toThrow('enough');
});

test('what is no key or no contact is refused at once', () => {
  expect(() => new CaregateClient({ apiKey: 'a-b-c', contact })).toThrow(InvalidApiKey);
  for (const wrong of ['', 'Your name', 'Zoë (zoe@example.com)', 'a\r\nb@example.com']) {
    expect(() => new CaregateClient({ apiKey: 'secret', contact: wrong })).toThrow(TypeError);
  }
});
