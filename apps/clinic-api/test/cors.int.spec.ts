import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { chromium, type Page } from 'playwright-core';
import { settings } from '../src/config.ts';
import { type Harness, newClinic, startHarness } from './harness.ts';

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

/** Two pages of other origins than the API's; only the first one is allowed. */
let pages: readonly [Server, Server];
let harness: Harness;
let closed: Harness;
let clinicId: string;
let token: string;
const originOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // it listens at a port

beforeAll(async () => {
  pages = [await servePage(), await servePage()];
  harness = await startHarness({ CORS_ORIGINS: `https://app.example.test, ${originOf(pages[0])}` });
  closed = await startHarness();
  const user = harness.newUser();
  token = `user:${user.userId}`;
  clinicId = (await newClinic(user.api)).id;
});
afterAll(async () => {
  await harness?.close();
  await closed?.close();
  for (const page of pages) page.closeAllConnections();
  for (const page of pages) page.close();
});

async function servePage(): Promise<Server> {
  const server = createServer((_request, response) => response.setHeader('content-type', 'text/html').end('<p>a page'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const preflight = (url: string, origin: string) =>
  fetch(`${url}/v1/clinics/${clinicId}`, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'PUT',
      'access-control-request-headers': 'content-type,x-tidepool-session-token',
    },
  });

test('a page of a given origin may ask for all that the API takes, and read all that it tells', async () => {
  const { status, headers } = await preflight(harness.url, 'https://app.example.test');
  expect([status, headers.get('access-control-allow-origin')]).toEqual([204, 'https://app.example.test']);
  expect(headers.get('access-control-allow-methods')).toBe('GET, HEAD, POST, PUT, PATCH, DELETE');
  for (const name of ['authorization', 'content-type', 'idempotency-key', 'x-tidepool-session-token'])
    expect(headers.get('access-control-allow-headers')).toContain(name);
  expect(headers.get('access-control-allow-credentials')).toBeNull();
  expect(headers.get('vary')).toMatch(/origin/i);
});

test.each([
  ['a path that nobody has', '/nowhere', 404],
  ['no credential', '/v1/clinics', 400],
  ['an unknown session', '/v1/clinics', 401],
])('a page can read why it is refused: %s', async (_why, path, expected) => {
  const { status, headers } = await fetch(harness.url + path, {
    headers: { origin: 'https://app.example.test', ...(expected === 401 && { 'x-tidepool-session-token': 'x' }) },
  });
  expect([status, headers.get('access-control-allow-origin')]).toEqual([expected, 'https://app.example.test']);
  expect(headers.get('access-control-expose-headers')).toContain('retry-after');
});

test.each(['https://evil.example', 'https://app.example.test.evil.example', 'http://app.example.test', 'null'])(
  'a page of another origin is not: %s',
  async (origin) => {
    expect((await preflight(harness.url, origin)).headers.get('access-control-allow-origin')).toBeNull();
  },
);

test('without the setting no page of another origin is', async () => {
  expect(
    (await preflight(closed.url, 'https://app.example.test')).headers.get('access-control-allow-origin'),
  ).toBeNull();
});

test.each(['*', 'https://app.example.test/', 'https://app.example.test/path', 'app.example.test', 'ftp://x', ','])(
  'the setting takes exact origins only, not %s',
  (text) => {
    expect(settings.shape.CORS_ORIGINS.safeParse(text).error?.issues[0]?.message).toMatch(/^must be exact origins/);
  },
);

if (!existsSync(CHROMIUM)) test.skip(`(there is no Chromium at ${CHROMIUM})`, () => undefined);
else
  test('a real browser lets the one page change something and read it, and keeps everything from the other', async () => {
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
    try {
      const asked = async (server: Server) => {
        const page = await browser.newPage();
        await page.goto(originOf(server));
        return outcomeAt(page);
      };
      expect(await asked(pages[0])).toEqual({ statuses: [200, 200], text: expect.stringContaining('From a page') });
      expect(await asked(pages[1])).toEqual({ error: 'TypeError' });
    } finally {
      await browser.close();
    }
  });

/** Adds a site to the clinic from a page, and reads the clinic. */
const outcomeAt = (page: Page) =>
  page.evaluate(
    async ({ url, session }) => {
      const headers = { 'x-tidepool-session-token': session, 'content-type': 'application/json' };
      try {
        const added = await fetch(`${url}/sites`, {
          method: 'POST',
          headers,
          body: JSON.stringify({ name: 'From a page' }),
        });
        const read = await fetch(url, { headers });
        return { statuses: [added.status, read.status], text: await read.text() };
      } catch (error) {
        return { error: error instanceof Error ? error.name : String(error) };
      }
    },
    { url: `${harness.url}/v1/clinics/${clinicId}`, session: token },
  );
