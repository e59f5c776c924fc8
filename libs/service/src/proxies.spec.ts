import fc from 'fast-check';
import { fastify } from 'fastify';
import { heedProxies, networkOf, type ProxyHeaders, type Trust, trustOf } from './proxies.ts';

/** What an app sees of a request that came with these headers, when its peer 127.0.0.1 is trusted or not. */
async function seen(
  headers: Record<string, string>,
  trusted: string | undefined,
  family: ProxyHeaders = 'x-forwarded',
) {
  const trust: Trust | undefined = trusted === undefined ? undefined : trustOf(trusted);
  const app = fastify({ ...(trust && { trustProxy: trust }) });
  heedProxies(app, trust, family);
  app.get('/', async ({ ip, host, protocol, headers: left }) => ({ ip, host, protocol, left }));
  const answer = await app.inject({ url: '/', headers: { host: 'own.test', ...headers } });
  return answer.json();
}

const own = { ip: '127.0.0.1', host: 'own.test', protocol: 'http' };
const client = { ip: '203.0.113.7', host: 'asked.test', protocol: 'https' };
const xForwarded = {
  'x-forwarded-for': '198.51.100.1, 203.0.113.7, 10.0.0.2',
  'x-forwarded-host': 'forged.test, asked.test',
  'x-forwarded-proto': 'https',
};
const forwarded = {
  forwarded:
    'for=198.51.100.1;host=forged.test, for="203.0.113.7:4711";host=asked.test;proto=https, for=10.0.0.2;host=inner.test',
};

test.each([
  ['nobody is trusted', undefined],
  ['only others are trusted', '10.0.0.0/8'],
])(
  'while %s, nothing that a client says of its origin is believed, or left for anybody to see',
  async (_when, trusted) => {
    for (const family of ['x-forwarded', 'forwarded'] as const) {
      const { left, ...rest } = await seen({ ...xForwarded, ...forwarded }, trusted, family);
      expect(rest).toEqual(own);
      expect(Object.keys(left).filter((name) => name.includes('forwarded'))).toEqual([]);
    }
  },
);

test('a trusted proxy says who asked, for which host and how, by X-Forwarded-*', async () => {
  expect(await seen(xForwarded, '127.0.0.1, 10.0.0.0/8')).toMatchObject(client);
});

test('or by Forwarded', async () => {
  expect(await seen(forwarded, 'loopback,10.0.0.0/8', 'forwarded')).toMatchObject(client);
});

test('only by the headers that it is set to speak by: what a client wrote into the others says nothing', async () => {
  expect(await seen(forwarded, '127.0.0.1')).toMatchObject(own);
  expect(await seen(xForwarded, '127.0.0.1', 'forwarded')).toMatchObject(own);
});

test('what stands before the outermost proxy of ours was written by a client and says nothing', async () => {
  expect(await seen(xForwarded, '127.0.0.1')).toMatchObject({ ip: '10.0.0.2' });
  expect(await seen(forwarded, '127.0.0.1', 'forwarded')).toMatchObject({
    ip: '10.0.0.2',
    host: 'inner.test',
    protocol: 'http',
  });
});

test.each([
  ['"[2001:db8::1]:4711"', '2001:db8::1'],
  ['"[2001:db8::1]"', '2001:db8::1'],
  ['203.0.113.7', '203.0.113.7'],
  ['unknown', '127.0.0.1'],
  ['_hidden', '127.0.0.1'],
  ['"<script>"', '127.0.0.1'],
  ['203.0.113.7;for', '127.0.0.1'],
])('for=%s is the address %s', async (node, ip) => {
  expect(await seen({ forwarded: `for=${node}` }, '127.0.0.1', 'forwarded')).toMatchObject({ ip });
});

test('an address is an address and a scheme a scheme, whatever a trusted proxy hands on', async () => {
  const text = fc.string({
    unit: fc.constantFrom('1', '.', ':', ',', ' ', '"', '=', ';', '\t', 'f', 'o', 'r', '[', ']', '<', '\\', 'é'),
  });
  await fc.assert(
    fc.asyncProperty(text, fc.constantFrom<ProxyHeaders>('x-forwarded', 'forwarded'), async (value, family) => {
      const said = { forwarded: value, 'x-forwarded-for': value, 'x-forwarded-proto': value };
      const { ip, protocol } = await seen(said, '127.0.0.1', family);
      expect(ip).toMatch(/^[0-9a-f:.]+$/);
      expect(['http', 'https']).toContain(protocol);
    }),
  );
});

test.each([
  ['203.0.113.7', '203.0.113.7'],
  ['::ffff:203.0.113.7', '203.0.113.7'],
  ['::ffff:cb00:7107', '203.0.113.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:DB8:1:2::1', '2001:db8:1:2::/64'],
  ['2001:db8:1:3::1', '2001:db8:1:3::/64'],
  ['::1', '::/64'],
  ['fe80::1%eth0', 'fe80::/64'],
  ['_hidden', '_hidden'],
  ['', ''],
])('%j is counted as %j', (address, counted) => {
  expect(networkOf(address)).toBe(counted);
});

test.each(['', 'nonsense', '10.0.0.0/99', '10.0.0.1,', '0.0.0.0/0'])('%j trusts nobody that could be named', (text) => {
  expect(trustOf(text)).toBeUndefined();
});
