import { eventually } from '@caregate/eventually';
import { connect, type Socket } from 'node:net';
import { SECURITY_HEADERS } from '../src/index.ts';
import { startSmallApp } from './small-app.ts';

let small: Awaited<ReturnType<typeof startSmallApp>>;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  small.happenings.letGo();
  await small.app.close();
});

/** A connection that a test writes to by hand, and what came back. */
function dial(localAddress = '127.0.0.1') {
  const socket = connect({ port: Number(new URL(small.url).port), host: '127.0.0.1', localAddress });
  const heard = { text: '', closed: false };
  socket.on('data', (chunk) => (heard.text += chunk));
  socket.on('close', () => (heard.closed = true));
  socket.on('error', () => undefined); // a connection that is reset closes too
  sockets.push(socket);
  return { socket, heard };
}

const figure = async (name: string) =>
  Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await (await fetch(`${small.url}/metrics`)).text())?.[1]);

describe('every answer tells browsers what they must not do with it', () => {
  const lacking = (headers: Headers) =>
    Object.entries(SECURITY_HEADERS).filter(([name, value]) => headers.get(name) !== value);

  test.each([
    ['an answer', '/quick', 200],
    ['an unknown route', '/no/such', 404],
    ['an address that cannot be read', '/%E0%A4%A', 400],
    ['health', '/ready', 200],
    ['figures', '/metrics', 200],
  ])('%s', async (_what, path, status) => {
    small = await startSmallApp();
    const answer = await fetch(small.url + path);
    expect(answer.status).toBe(status);
    expect(lacking(answer.headers)).toEqual([]);
  });

  test('a refusal under load', async () => {
    small = await startSmallApp({ MAX_REQUESTS_IN_FLIGHT: '1' });
    fetch(`${small.url}/held`).catch(() => undefined);
    await eventually(async () => small.happenings.begun === 1);
    const answer = await fetch(`${small.url}/quick`);
    expect(answer.status).toBe(503);
    expect(lacking(answer.headers)).toEqual([]);
  });

  test.each([
    ['what is no HTTP', 'HELLO\r\n\r\n', 'HTTP/1.1 400 '],
    ['headers that are too large', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(17_000)}\r\n\r\n`, 'HTTP/1.1 431 '],
    ['no Host', 'GET /quick HTTP/1.1\r\nConnection: close\r\n\r\n', 'HTTP/1.1 400 '],
    [
      'an expectation that nobody knows',
      'GET /no/such HTTP/1.1\r\nHost: x\r\nExpect: more\r\nConnection: close\r\n\r\n',
      'HTTP/1.1 404 ',
    ],
    ['an address that is too long', `GET /${'x'.repeat(17_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 'HTTP/1.1 431 '],
  ])('%s', async (_what, sent, begins) => {
    small = await startSmallApp();
    const { socket, heard } = dial();
    socket.write(sent);
    await eventually(() => heard.closed);
    expect(heard.text.startsWith(begins)).toBe(true);
    for (const header of Object.entries(SECURITY_HEADERS)) expect(heard.text).toContain(header.join(': '));
    expect(heard.text).toContain('"message"');
  });
});

describe('a client that is slow holds nothing for long', () => {
  const begin = (env = {}) =>
    startSmallApp({
      HEADERS_TIMEOUT_SECONDS: '0.3',
      REQUEST_TIMEOUT_SECONDS: '0.6',
      READER_TIMEOUT_SECONDS: '0.5',
      ...env,
    });

  test.each([
    ['nothing at all', ''],
    ['headers that do not end', 'GET /quick HTTP/1.1\r\nHost: x\r\nX-Slow: '],
    [
      'a body that does not come',
      'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"a":',
    ],
  ])('%s: 408, and nothing was begun', async (_what, sent) => {
    small = await begin();
    const { socket, heard } = dial();
    socket.write(sent);
    await eventually(() => heard.closed);
    expect(heard.text).toMatch(/^HTTP\/1\.1 408 /);
    expect(small.happenings.begun).toBe(0);
    expect((await fetch(`${small.url}/quick`)).status).toBe(200);
  });

  test('an answer that is not taken is given up, and its place is free', async () => {
    small = await begin({ MAX_REQUESTS_IN_FLIGHT: '1', HEADERS_TIMEOUT_SECONDS: '60', REQUEST_TIMEOUT_SECONDS: '60' });
    // Of another address than the test's own calls: with theirs its answer would be more than one address may leave, and dropped as too_many.
    const { socket, heard } = dial('127.0.0.2');
    socket.write('GET /large HTTP/1.1\r\nHost: x\r\n\r\n');
    socket.pause();
    const givenUp = 'caregate_slow_clients_dropped_total{waits_for="answer",reason="slow"}';
    await eventually(async () => (await figure(givenUp)) === 1);
    expect((await fetch(`${small.url}/quick`)).status).toBe(200);
    socket.resume();
    await eventually(() => heard.closed);
  });

  test('a request that is being worked on is not slow', async () => {
    small = await begin();
    const answer = fetch(`${small.url}/held`);
    await eventually(async () => small.happenings.begun === 1);
    const { socket, heard } = dial();
    socket.write('GET /quick HTTP/1.1\r\nHost: x\r\nX-Slow: ');
    await eventually(() => heard.closed); // longer than all of the times
    small.happenings.letGo();
    expect((await answer).status).toBe(200);
  });

  test('connections beyond the most are closed at once', async () => {
    small = await begin({ MAX_CONNECTIONS: '2', HEADERS_TIMEOUT_SECONDS: '60', REQUEST_TIMEOUT_SECONDS: '60' });
    const [one, two] = [dial(), dial()];
    for (const { socket } of [one, two]) socket.write('GET /held HTTP/1.1\r\nHost: x\r\n\r\n');
    await eventually(() => small.happenings.begun === 2, 'both are served');
    const three = dial();
    await eventually(() => three.heard.closed);
    expect(three.heard.text).toBe('');
    one.socket.destroy();
    await eventually(async () => (await fetch(`${small.url}/quick`).catch(() => undefined))?.status === 200);
    const closed = () => figure('caregate_connections_closed_total{too_many="in_all"}').catch(() => 0);
    await eventually(async () => (await closed()) > 0, 'they are counted');
  });

  describe('of one address', () => {
    const REQUEST = 'GET /quick HTTP/1.1\r\nHost: x\r\n\r\n';
    const isServed = async (address: string) => {
      const { socket, heard } = dial(address);
      socket.write(REQUEST);
      await eventually(() => heard.text !== '' || heard.closed);
      return heard.text.startsWith('HTTP/1.1 200 ');
    };

    test('connections beyond its most are closed at once, and those of others are served', async () => {
      small = await begin({ MAX_CONNECTIONS_PER_ADDRESS: '2', HEADERS_TIMEOUT_SECONDS: '60' });
      const first = dial('127.0.0.2'); // which says nothing, and counts
      expect(await isServed('127.0.0.2')).toBe(true);
      expect(await isServed('127.0.0.2')).toBe(false);
      expect(await isServed('127.0.0.3')).toBe(true);
      expect(await figure('caregate_connections_closed_total{too_many="of_address"}')).toBe(1);
      first.socket.destroy();
      await eventually(() => isServed('127.0.0.2'), 'its place is free');
    });

    test.each([
      [
        'of a proxy that is trusted are everybody’s',
        { TRUSTED_PROXIES: '127.0.0.2', MAX_CONNECTIONS_PER_ADDRESS: '2' },
      ],
      ['may be as many as there are in all, where there is no limit', { MAX_CONNECTIONS_PER_ADDRESS: '0' }],
    ])('connections %s', async (_what, env) => {
      small = await begin(env);
      for (let i = 0; i < 5; i++) expect(await isServed('127.0.0.2')).toBe(true);
    });
  });
});
