import { Unauthorized } from '@caregate/service';
import { parseShardId } from '@caregate/shard';
import fc from 'fast-check';
import { redirectStatus, sameAt, shardMeant } from './redirects.ts';

const [au1, uk1] = [parseShardId('au1'), parseShardId('uk1')];
const basic = (key: string) => `Basic ${Buffer.from(`${key}:`).toString('base64')}`;

test.each([
  ['no key', undefined, au1],
  ['a key of the time before shards', basic('MS0xLWl4SzYY'), au1],
  ['a key ending in -uk1', basic('MS0xLWl4SzYY-uk1'), uk1],
  ['a session token or something else', 'Bearer x', au1],
])('a request with %s is meant for its shard', (_name, authorization, shard) => {
  expect(shardMeant(authorization, [au1, uk1], au1)).toBe(shard);
});

test.each(['MS0x-nz1', 'MS0x-', 'a-b-au1', ''])(
  'a request with the key %j is refused, without its secret being repeated',
  (key) => {
    const fault = faultOf(() => shardMeant(basic(key), [au1, uk1], au1));
    expect(fault).toBeInstanceOf(Unauthorized);
    expect(String(fault)).not.toContain('MS0x');
  },
);

test('only where the method is lost without harm the answer is 301', () => {
  expect(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].map(redirectStatus)).toEqual([
    301, 301, 308, 308, 308, 308, 308,
  ]);
});

test.each([
  ['/v1/clinics?limit=2&search=a%20b', 'https://api.au1.example.com/v1/clinics?limit=2&search=a%20b'],
  ['/', 'https://api.au1.example.com/'],
  ['//evil.test/x', 'https://api.au1.example.com//evil.test/x'],
  ['http://evil.test/x?y', 'https://api.au1.example.com/x?y'],
  ['http://evil.test', 'https://api.au1.example.com/'],
  ['.evil.test/x', 'https://api.au1.example.com/x'],
  ['@evil.test/x', 'https://api.au1.example.com/x'],
  [':8080@evil.test', 'https://api.au1.example.com/'],
  ['\\\\evil.test', 'https://api.au1.example.com/'],
  ['*', 'https://api.au1.example.com/'],
  ['/a\r\nset-cookie: x', 'https://api.au1.example.com/a%0D%0Aset-cookie:%20x'],
])('%j is found again at %s', (target, location) => {
  expect(sameAt('https://api.au1.example.com', target)).toBe(location);
});

test('no request target leads to a foreign host', () => {
  const parts = fc.constantFrom(
    '/',
    '//',
    '\\',
    '@',
    ':',
    '.',
    '#',
    '?',
    'http:',
    'evil.test',
    '%2f',
    '\t',
    '\n',
    ' ',
    '\u00e9',
  );
  fc.assert(
    fc.property(
      fc.array(parts).map((chosen) => chosen.join('')),
      (target) => {
        const location = sameAt('https://api.au1.example.com', target);
        expect(new URL(location).host).toBe('api.au1.example.com');
        expect(location).toMatch(/^[\x21-\x7e]+$/);
      },
    ),
  );
});

function faultOf(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}
