import { eventually } from '@caregate/eventually';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { knowCaller } from '../src/index.ts';
import { startSmallApp } from './small-app.ts';

const TOKEN = 'x-tidepool-session-token';

type Small = Awaited<ReturnType<typeof startSmallApp>>;
let small: Small;
afterEach(async () => {
  small.happenings.letGo();
  await small.app.close();
});

const figure = async (name: string) =>
  Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await (await fetch(`${small.url}/metrics`)).text())?.[1]);

/** Requests that the app works on until it is told to let go. */
function occupy(count: number) {
  const leave = new AbortController();
  const answers = Array.from({ length: count }, () => fetch(`${small.url}/held`, { signal: leave.signal }));
  for (const answer of answers) answer.catch(() => undefined);
  return { answers, leave: () => leave.abort() };
}

const working = (count: number) =>
  eventually(async () => small.happenings.begun === count, `${count} requests are worked on`);

test('what is too much is told so at once, and to come back; what was taken is served', async () => {
  small = await startSmallApp({ MAX_REQUESTS_IN_FLIGHT: '2' });
  const { answers } = occupy(2);
  await working(2);
  for (const request of [
    { path: '/quick' },
    { path: '/no/such/route' },
    { path: '/echo', method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":1}' },
  ]) {
    const refused = await fetch(small.url + request.path, request);
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(refused.headers.get('content-type')).toMatch(/^application\/json/);
    expect(await refused.json()).toEqual({ message: expect.stringContaining('try again') });
  }
  expect(await figure('caregate_requests_shed_total')).toBe(3);
  expect(await figure('caregate_requests_in_flight')).toBe(2);
  small.happenings.letGo();
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200]);
  expect((await fetch(`${small.url}/quick`)).status).toBe(200);
  expect(await figure('caregate_requests_in_flight')).toBe(0);
});

test('what waits its turn elsewhere keeps nobody out, and there is a bound for it by address', async () => {
  small = await startSmallApp({ MAX_REQUESTS_IN_FLIGHT: '2' });
  const aside: Promise<number>[] = [];
  while (aside.length < 16) {
    aside.push(fetch(`${small.url}/aside`).then(({ status }) => status));
    await working(aside.length);
  }
  expect(await figure('caregate_requests_in_flight')).toBe(0);
  expect((await fetch(`${small.url}/quick`)).status).toBe(200);
  expect((await fetch(`${small.url}/aside`)).status).toBe(503);
  small.happenings.letGo();
  expect(new Set(await Promise.all(aside))).toEqual(new Set([200]));
  expect(await figure('caregate_requests_in_flight')).toBe(0);
  const again = fetch(`${small.url}/aside`);
  await working(18);
  small.happenings.letGo();
  expect((await again).status).toBe(200);
});

test('one known caller waits in one line, from however many addresses and with however many keys: others come before', async () => {
  small = await startSmallApp({ MAX_REQUESTS_IN_FLIGHT: '3', TRUSTED_PROXIES: '127.0.0.1' }, (app) => {
    const fastify = app.getHttpAdapter().getInstance();
    fastify.addHook('onRequest', async (request) => knowCaller(request, String(request.headers[TOKEN]).slice(0, 4)));
  });
  const ask = async (token: string, address: string, path: string) => {
    const { status } = await fetch(small.url + path, { headers: { [TOKEN]: token, 'x-forwarded-for': address } });
    return { token, status };
  };
  const tokens = ['many 1', 'many 2', 'many 3', 'good 1'];
  for (const token of tokens) await ask(token, '192.0.2.1', '/quick');
  occupy(3);
  await working(tokens.length + 3);
  const waiting = tokens.map((token, i) => ask(token, `198.51.${i}.1`, '/quick'));
  expect(await Promise.race(waiting)).toEqual({ token: 'many 3', status: 503 });
  small.happenings.letGo();
  await Promise.all(waiting);
});

test('health and figures are told under any load', async () => {
  small = await startSmallApp({ MAX_REQUESTS_IN_FLIGHT: '1' });
  occupy(1);
  await working(1);
  for (const path of ['/live', '/ready', '/metrics']) expect((await fetch(small.url + path)).status).toBe(200);
});

test('0 is no limit', async () => {
  small = await startSmallApp({ MAX_REQUESTS_IN_FLIGHT: '0' });
  const { answers } = occupy(40);
  await working(40);
  small.happenings.letGo();
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(Array(40).fill(200));
});

test('a client that goes away is told to its work, which keeps its place until it has ended', async () => {
  small = await startSmallApp({ MAX_REQUESTS_IN_FLIGHT: '1' });
  const { leave } = occupy(1);
  await working(1);
  leave();
  await eventually(async () => small.happenings.unwanted === 1, 'the work is told');
  expect((await fetch(`${small.url}/quick`)).status).toBe(503); // what it began is not yet over
  small.happenings.letGo();
  await eventually(async () => (await fetch(`${small.url}/quick`)).status === 200, 'its place is free');
  expect(small.happenings.ended).toBe(1);
});

test('work that was wanted to the end is not told otherwise', async () => {
  small = await startSmallApp();
  const { answers } = occupy(1);
  await working(1);
  small.happenings.letGo();
  await Promise.all(answers);
  await eventually(async () => (await figure('caregate_requests_in_flight')) === 0, 'it is over');
  expect(small.happenings.unwanted).toBe(0);
});

test('for a client that went away while it was asked who it is, nothing is begun', async () => {
  let admitted = 0;
  let admit = () => {};
  const admission = new Promise<void>((resolve) => (admit = resolve));
  const slowGate = (app: NestFastifyApplication) =>
    app
      .getHttpAdapter()
      .getInstance()
      .addHook('onRequest', async ({ url }) => {
        if (url !== '/quick') return;
        admitted += 1;
        await admission;
      });
  small = await startSmallApp({ MAX_REQUESTS_IN_FLIGHT: '10' }, slowGate);
  const leave = new AbortController();
  const gone = fetch(`${small.url}/quick`, { signal: leave.signal });
  await eventually(async () => admitted === 1, 'it is at the gate');
  leave.abort();
  await expect(gone).rejects.toThrow();
  await eventually(async () => (await figure('caregate_requests_in_flight')) === 0, 'the server knows');
  const another = fetch(`${small.url}/quick`);
  await eventually(async () => admitted === 2, 'another is at the gate');
  admit();
  expect((await another).status).toBe(200);
  expect(small.happenings.begun).toBe(1);
});
