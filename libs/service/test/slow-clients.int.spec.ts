import { eventually } from '@caregate/eventually';
import { Agent, request as send } from 'node:http';
import { connect, type Socket } from 'node:net';
import { Unauthorized } from '../src/index.ts';
import { startSmallApp } from './small-app.ts';

// Those who attack come from other addresses (127.0.0.2 and on) than those who are to be served (127.0.0.1).
const STRANGER = '127.0.0.2';

let small: Awaited<ReturnType<typeof startSmallApp>>;
const sockets: Socket[] = [];
const kept = new Agent({ keepAlive: true });
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  small.happenings.letGo();
  await small.app.close();
});
afterAll(() => kept.destroy());

/** A connection that says this, and what came back. */
function say(said: string, localAddress = STRANGER) {
  const socket = connect({ port: Number(new URL(small.url).port), host: '127.0.0.1', localAddress });
  const heard = { text: '', closed: false };
  socket.on('data', (chunk) => (heard.text += chunk));
  socket.on('close', () => (heard.closed = true));
  socket.on('error', () => undefined); // a connection that is reset closes too
  socket.write(said);
  sockets.push(socket);
  return { socket, heard };
}

const figures = async () => (await fetch(`${small.url}/metrics`)).text();
const figure = async (name: string) =>
  Number(new RegExp(`^${name.replace(/[{}]/g, '\\$&')} (\\S+)$`, 'm').exec(await figures())?.[1]);
const unfinished = () => figure('caregate_slow_clients{waits_for="request"}');
const dropped = (waitsFor: string, reason: string) =>
  figure(`caregate_slow_clients_dropped_total{waits_for="${waitsFor}",reason="${reason}"}`);

/** The status that a good caller gets, on a connection that is kept or on a new one. */
const callAs = (agent: Agent | false, path: string, body?: string) =>
  new Promise<number | undefined>((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const request = send(small.url + path, { agent, method: body === undefined ? 'GET' : 'POST', headers });
    request.on('response', (response) => response.resume().on('end', () => resolve(response.statusCode)));
    request.on('error', reject).end(body);
  });

/** What good callers get, of a hundred: read and write, on kept connections and on new ones. */
async function goodCallers(): Promise<Record<string, number>> {
  const got: Record<string, number> = {};
  for (let i = 0; i < 25; i++)
    for (const answer of [
      callAs(kept, '/quick'),
      callAs(false, '/quick'),
      callAs(kept, '/echo', '{"a":1}'),
      callAs(false, '/echo', '{"a":1}'),
    ]) {
      const status = String(await answer.catch((error: Error) => error.message));
      got[status] = (got[status] ?? 0) + 1;
    }
  return got;
}

const post = (...headers: string[]) =>
  `POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${headers.map((each) => `${each}\r\n`).join('')}\r\n`;
const BODY_OF_ONE_BYTE = `${post('Content-Length: 100')}{`;
const addresses = (count: number) => Array.from({ length: count }, (_, i) => `127.0.${1 + (i >> 7)}.${1 + (i & 127)}`);

describe('whoever keeps the app waiting holds no place, and is not taken for its slowness', () => {
  const FEW = {
    MAX_REQUESTS_IN_FLIGHT: '20',
    MAX_SLOW_CLIENTS_PER_ADDRESS: '0',
    HEADERS_TIMEOUT_SECONDS: '60',
    REQUEST_TIMEOUT_SECONDS: '60',
  };

  test.each([
    ['a body of which one byte has come', BODY_OF_ONE_BYTE],
    ['a body of which nothing has come', post('Content-Length: 100')],
    ['a body in pieces that end nowhere', `${post('Transfer-Encoding: chunked')}1\r\n{\r\n`],
    ['a body that was asked for', post('Content-Length: 100', 'Expect: 100-continue')],
    ['headers that do not end', 'GET /quick HTTP/1.1\r\nHost: x\r\nX-Slow: '],
    ['a body as of HTTP/1.0', 'POST /echo HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{'],
  ])('%s: 100 such connections, and each good caller is served', async (_what, said) => {
    small = await startSmallApp(FEW);
    for (let i = 0; i < 100; i++) say(said);
    await eventually(async () => (await unfinished()) === 100, 'they are there');
    expect(await goodCallers()).toEqual({ 200: 50, 201: 50 });
    expect(await figure('caregate_requests_in_flight')).toBe(0);
  });

  test('bodies that come at last are served, and were not late', async () => {
    small = await startSmallApp({ ...FEW, LATE_AFTER_MS: '3000' });
    const slow = Array.from({ length: 100 }, () => say(BODY_OF_ONE_BYTE));
    await eventually(async () => (await unfinished()) === 100, 'they are there');
    const since = performance.now();
    await eventually(() => performance.now() - since > 3_000, 'they have waited for longer than what is late');
    for (const { socket } of slow) socket.write(`"a":"${'x'.repeat(92)}"}`);
    await eventually(() => slow.every(({ heard }) => heard.text.startsWith('HTTP/1.1 201 ')));
    expect(slow[0]?.heard.text).toContain(`{"body":{"a":"${'x'.repeat(92)}"}}`);
    expect(await figure('caregate_requests_in_flight_limit')).toBe(20);
  });

  test('answers that are not taken', async () => {
    small = await startSmallApp({ MAX_REQUESTS_IN_FLIGHT: '2', LATE_AFTER_MS: '30000' });
    const slow = addresses(4).map((address) => say('GET /large HTTP/1.1\r\nHost: x\r\n\r\n', address));
    for (const { socket } of slow) socket.pause();
    await eventually(async () => (await figure('caregate_slow_clients{waits_for="answer"}')) >= 3, 'they are there');
    expect(await goodCallers()).toEqual({ 200: 50, 201: 50 });
  });

  test('one connection that sends many requests at once has one place, and its answers in their order', async () => {
    small = await startSmallApp({ MAX_REQUESTS_IN_FLIGHT: '2' });
    const { heard } = say('GET /held HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(10) + BODY_OF_ONE_BYTE);
    await eventually(() => small.happenings.begun === 1);
    expect(await goodCallers()).toEqual({ 200: 50, 201: 50 });
    for (let i = 2; i <= 10; i++) {
      const before = small.happenings.begun;
      small.happenings.letGo();
      await eventually(() => small.happenings.begun > before, 'the next one');
    }
    small.happenings.letGo();
    await eventually(() => heard.text.split('{"held":true}').length === 11);
  });

  test('and one that sends more than a client ever does is closed', async () => {
    small = await startSmallApp();
    const { heard } = say('GET /held HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1_000));
    await eventually(() => heard.closed);
    expect(small.happenings.begun).toBe(1);
    expect(await goodCallers()).toEqual({ 200: 50, 201: 50 });
  });

  test('a body that came whole is refused when there is no place for it, and the connection goes on', async () => {
    small = await startSmallApp({ MAX_REQUESTS_IN_FLIGHT: '1' });
    const { socket, heard } = say(BODY_OF_ONE_BYTE);
    await eventually(async () => (await unfinished()) === 1);
    callAs(false, '/held').catch(() => undefined);
    await eventually(() => small.happenings.begun === 1);
    socket.write(`"a":"${'x'.repeat(92)}"}`);
    await eventually(() => heard.text.endsWith('}'));
    expect(heard.text).toMatch(/^HTTP\/1.1 503 .*retry-after: 1\r\n.*"there are more requests than can be served/s);
  });
});

test('who may not call is told so before the body has come', async () => {
  small = await startSmallApp({}, (app) =>
    app
      .getHttpAdapter()
      .getInstance()
      .addHook('onRequest', async ({ method }) => {
        if (method === 'POST') throw new Unauthorized('who are you');
      }),
  );
  const { heard } = say(BODY_OF_ONE_BYTE);
  await eventually(() => heard.text !== '');
  expect(heard.text).toMatch(/^HTTP\/1.1 401 /);
  expect(await unfinished()).toBe(0);
});

describe('what waits is bounded, and the oldest goes first', () => {
  test('of one address, while those of others stay', async () => {
    small = await startSmallApp({ MAX_SLOW_CLIENTS_PER_ADDRESS: '10' });
    const other = say(BODY_OF_ONE_BYTE, '127.0.0.3');
    await eventually(async () => (await unfinished()) === 1);
    const oldest = say(BODY_OF_ONE_BYTE);
    await eventually(async () => (await unfinished()) === 2);
    const newer = Array.from({ length: 10 }, () => say(BODY_OF_ONE_BYTE));
    await eventually(() => oldest.heard.closed);
    expect(oldest.heard.text).toMatch(/^HTTP\/1.1 503 .*retry-after: 1.*"message"/is);
    expect(await unfinished()).toBe(11);
    expect([other, ...newer].filter(({ heard }) => heard.closed)).toEqual([]);
    expect(await dropped('request', 'too_many')).toBe(1);
  });

  test.each([
    ['bodies', BODY_OF_ONE_BYTE],
    ['headers', 'GET /quick HTTP/1.1\r\nHost: x\r\nX-Slow: '],
  ])('of many addresses: %s', async (_what, said) => {
    small = await startSmallApp({ MAX_SLOW_CLIENTS: '50' });
    for (const address of addresses(200)) say(said, address);
    await eventually(async () => (await dropped('request', 'too_many')) === 150, 'those before were dropped');
    expect(await unfinished()).toBe(50);
    expect(await goodCallers()).toEqual({ 200: 50, 201: 50 });
  });

  test('in bytes', async () => {
    small = await startSmallApp({ MAX_SLOW_MIB: '4' }); // of one address 1 MiB
    const large = () => say(`${post('Content-Length: 800000')}{"a":"${'x'.repeat(600_000)}`);
    const [first] = [large()];
    await eventually(async () => (await figure('caregate_slow_clients_bytes{waits_for="request"}')) === 600_006);
    const second = large();
    await eventually(() => first.heard.closed);
    await eventually(async () => (await figure('caregate_slow_clients_bytes{waits_for="request"}')) === 600_006);
    expect(second.heard.closed).toBe(false);
  });

  test('answers that are not taken, in bytes', async () => {
    small = await startSmallApp({ MAX_SLOW_MIB: '128' }); // of one address 32 MiB, which one answer has
    const [first, second] = [1, 2].map(() => say('GET /large HTTP/1.1\r\nHost: x\r\n\r\n'));
    for (const slow of [first, second]) slow?.socket.pause();
    await eventually(async () => (await dropped('answer', 'too_many')) === 1);
    for (const slow of [first, second]) slow?.socket.resume();
    await eventually(() => [first, second].filter((slow) => slow?.heard.closed).length === 1);
  });

  test('of those behind a trusted proxy, by the address that it tells', async () => {
    small = await startSmallApp({ TRUSTED_PROXIES: STRANGER, MAX_SLOW_CLIENTS_PER_ADDRESS: '2' });
    const of = (client: string) => say(`${post(`X-Forwarded-For: ${client}`, 'Content-Length: 100')}{`);
    const one = of('198.51.100.1');
    await eventually(async () => (await unfinished()) === 1);
    const others = [1, 2].map((i) => of(`2001:db8:0:${i}::1`));
    await eventually(async () => (await unfinished()) === 3);
    const more = [1, 2].map((i) => of(`2001:db8:0:1::${i}`)); // of one network
    await eventually(() => others[0]?.heard.closed === true);
    expect(await unfinished()).toBe(4);
    expect([one, others[1], ...more].filter((each) => each?.heard.closed)).toEqual([]);
  });
});

test('when there are too many connections, the one that has been idle longest makes place', async () => {
  small = await startSmallApp({ MAX_CONNECTIONS: '50' });
  const working = say('GET /held HTTP/1.1\r\nHost: x\r\n\r\n', '127.0.0.9');
  await eventually(() => small.happenings.begun === 1);
  const idle = addresses(200).map((address) => say('GET /quick HTTP/1.1\r\nHost: x\r\n\r\n', address));
  await eventually(() => idle.filter(({ heard }) => heard.closed).length >= 150);
  expect(await goodCallers()).toEqual({ 200: 50, 201: 50 });
  expect(await figure('caregate_connections_closed_total{too_many="idle"}')).toBeGreaterThan(150);
  expect(await figure('caregate_connections_closed_total{too_many="in_all"}')).toBe(0);
  small.happenings.letGo();
  await eventually(() => working.heard.text.startsWith('HTTP/1.1 200 '), 'who was being served is');
});

describe('requests that no client sends', () => {
  test.each([
    ['two lengths', `${post('Content-Length: 2', 'Content-Length: 100')}{}`, 400],
    ['a length and pieces', `${post('Content-Length: 2', 'Transfer-Encoding: chunked')}{}`, 400],
    ['five hundred headers', `GET /quick HTTP/1.1\r\nHost: x\r\n${'a:b\r\n'.repeat(500)}\r\n`, 200],
    ['three thousand headers', `GET /quick HTTP/1.1\r\nHost: x\r\n${'a:b\r\n'.repeat(3_000)}\r\n`, 431],
    ['nine thousand headers', `GET /quick HTTP/1.1\r\nHost: x\r\n${'a:b\r\n'.repeat(9_000)}\r\n`, 431],
    [
      'a request for another protocol',
      'GET /quick HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ws\r\n\r\n',
      200,
    ],
    ['an expectation that nobody knows', 'GET /quick HTTP/1.1\r\nHost: x\r\nExpect: the-best\r\n\r\n', 200],
    ['a body in 11 000 pieces', `${post('Transfer-Encoding: chunked')}${'1\r\n \r\n'.repeat(11_000)}`, 400],
    [
      'a body beyond a mebibyte, in pieces',
      `${post('Transfer-Encoding: chunked')}${`10000\r\n${' '.repeat(65_536)}\r\n`.repeat(17)}`,
      413,
    ],
    ['HTTP/1.0', 'GET /quick HTTP/1.0\r\n\r\n', 200],
  ])('%s', async (_what, said, status) => {
    small = await startSmallApp();
    const { heard } = say(said);
    await eventually(() => heard.text.includes('\r\n\r\n'));
    expect(heard.text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(await goodCallers()).toEqual({ 200: 50, 201: 50 });
  });

  test('a client that says no more is answered what it asked', async () => {
    small = await startSmallApp();
    const { socket, heard } = say('GET /held HTTP/1.1\r\nHost: x\r\n\r\n');
    socket.end();
    await eventually(() => small.happenings.begun === 1);
    small.happenings.letGo();
    await eventually(() => heard.closed);
    expect(await figure('caregate_requests_in_flight')).toBe(0);
  });
});
