import fc from 'fast-check';
import { accountHost, accountUrl, apiHost, apiUrl, type HostName, parseHost } from './hosts.ts';
import { parseShardId } from './shard-id.ts';
import { isSubdomain, parseSubdomain } from './subdomain.ts';

const au1 = parseShardId('au1');
const uk1 = parseShardId('uk1');

test('addresses are built as they are documented', () => {
  expect(apiHost(uk1, 'cliniko.com')).toBe('api.uk1.cliniko.com');
  expect(apiUrl(uk1, 'cliniko.com')).toBe('https://api.uk1.cliniko.com');
  expect(accountHost('good-healthy-times', au1, 'cliniko.com')).toBe('good-healthy-times.au1.cliniko.com');
  expect(accountUrl('good-healthy-times', au1, 'cliniko.com')).toBe('https://good-healthy-times.au1.cliniko.com');
});

test('a port is written where it is not the scheme’s own', () => {
  expect(apiUrl(au1, 'localhost', { scheme: 'http', port: 8081 })).toBe('http://api.au1.localhost:8081');
  expect(apiUrl(au1, 'localhost', { scheme: 'http', port: 80 })).toBe('http://api.au1.localhost');
  expect(apiUrl(au1, 'localhost', { port: 443 })).toBe('https://api.au1.localhost');
  expect(apiUrl(au1, 'localhost', { scheme: 'http', port: 443 })).toBe('http://api.au1.localhost:443');
});

test.each<[string, string, HostName]>([
  ['api.au1.example.com', 'example.com', { kind: 'api', shardId: au1 }],
  ['API.AU1.Example.COM', 'example.com', { kind: 'api', shardId: au1 }],
  ['api.au1.example.com:8443', 'EXAMPLE.com', { kind: 'api', shardId: au1 }],
  ['api.au1.example.com.', 'example.com', { kind: 'api', shardId: au1 }],
  ['api.au1.example.com.:443', 'example.com', { kind: 'api', shardId: au1 }],
  ['api.au1.example.com:', 'example.com', { kind: 'api', shardId: au1 }],
  [
    'good-healthy-times.uk1.example.com',
    'example.com',
    { kind: 'account', shardId: uk1, subdomain: 'good-healthy-times' },
  ],
  ['good.au1.care.example.com', 'care.example.com', { kind: 'account', shardId: au1, subdomain: 'good' }],
  ['good.au1.localhost:3000', 'localhost', { kind: 'account', shardId: au1, subdomain: 'good' }],
  ['api.example.com', 'example.com', { kind: 'unshardedApi' }],
  ['api.localhost:3000', 'localhost', { kind: 'unshardedApi' }],
  ['localhost', 'localhost', { kind: 'local' }],
  ['LOCALHOST:3000', 'example.com', { kind: 'local' }],
  ['127.0.0.1', 'example.com', { kind: 'local' }],
  ['127.0.0.1:8080', 'example.com', { kind: 'local' }],
  ['[::1]:8080', 'example.com', { kind: 'local' }],
  ['[::ffff:127.0.0.1]', 'example.com', { kind: 'local' }],
])('%s under %s is understood', (host, domain, expected) => {
  expect(parseHost(host, domain)).toEqual(expected);
});

test.each([
  '',
  ' ',
  'example.com',
  'www.example.com',
  'au1.example.com',
  'good.example.com',
  'good.au1.example.org',
  'good.au1.example.com.evil.test',
  'good.au1.evilexample.com',
  'a.good.au1.example.com',
  'api.api.au1.example.com',
  'good.AU123.example.com',
  '-good.au1.example.com',
  'good-.au1.example.com',
  '.au1.example.com',
  '..au1.example.com',
  'good..au1.example.com',
  'good.au1.example.com..',
  'good.au1.example.com:99999999',
  'good.au1.example.com:http',
  'good.au1.example.com/',
  'good.au1.example.com@evil.test',
  'evil.test@good.au1.example.com',
  'good.au1.example.com, evil.test',
  ' good.au1.example.com',
  'good.au1.example.com\r\nx: y',
  'g\u043eod.au1.example.com',
  'good\u3002au1.example.com',
  `${'x'.repeat(64)}.au1.example.com`,
  '::1',
  '[good.au1.example.com]',
  '2130706433',
  'undefined',
])('%j names nothing of ours', (host) => {
  expect(parseHost(host, 'example.com')).toEqual({ kind: 'unknown' });
});

test('every host that is built is understood, whatever its port', () => {
  const names = fc.stringMatching(/^[a-z0-9][a-z0-9-]{1,20}[a-z0-9]$/).filter(isSubdomain);
  const ports = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined });
  fc.assert(
    fc.property(names, fc.constantFrom(au1, uk1), ports, (name, shardId, port) => {
      const subdomain = parseSubdomain(name);
      const address = port === undefined ? {} : { port };
      const { host } = new URL(accountUrl(subdomain, shardId, 'example.com', address));
      expect(parseHost(host, 'example.com')).toEqual({ kind: 'account', shardId, subdomain });
      expect(parseHost(new URL(apiUrl(shardId, 'example.com', address)).host, 'example.com')).toEqual({
        kind: 'api',
        shardId,
      });
    }),
  );
});

test('no text is an error', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(parseHost(text, 'example.com').kind).toMatch(/^(unknown|local)$/);
    }),
  );
});
