import fc from 'fast-check';
import {
  InvalidSubdomain,
  isSubdomain,
  parseSubdomain,
  RESERVED_SUBDOMAINS,
  type SubdomainFault,
} from './subdomain.ts';

test.each([
  ['good-healthy-times', 'good-healthy-times'],
  [' Good-Healthy-Times\n', 'good-healthy-times'],
  ['24h', '24h'],
  ['x'.repeat(63), 'x'.repeat(63)],
  ['a--b', 'a--b'],
])('%j can be a subdomain', (text, name) => {
  expect(parseSubdomain(text)).toBe(name);
});

test.each<[string, SubdomainFault]>([
  ['', 'empty'],
  ['  ', 'empty'],
  ['ab', 'too short'],
  ['x'.repeat(64), 'too long'],
  ['good.times', 'characters'],
  ['good_times', 'characters'],
  ['good times', 'characters'],
  ['gööd', 'characters'],
  ['g\u043eod', 'characters'], // Cyrillic о
  ['good\u2010times', 'characters'],
  ['\u212aing', 'characters'], // Kelvin sign
  ['-good', 'hyphens'],
  ['good-', 'hyphens'],
  ['xn--80ak6aa92e', 'hyphens'],
  ['api', 'reserved'],
  ['API', 'reserved'],
  ['www', 'reserved'],
  ['au1', 'reserved'],
  ['zz99', 'reserved'],
])('%j cannot be a subdomain: %s', (text, reason) => {
  expect(() => parseSubdomain(text)).toThrow(expect.objectContaining({ reason }));
  expect(isSubdomain(text)).toBe(false);
});

test('only the name as it is kept is a subdomain', () => {
  expect(isSubdomain('good-times')).toBe(true);
  expect(isSubdomain('Good-times')).toBe(false);
});

test('every reserved name could be a host name otherwise', () => {
  for (const name of RESERVED_SUBDOMAINS) expect(name).toMatch(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/);
});

test('whatever is read as a subdomain is one label of a host', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom('a', 'Z', '0', '-', '.') })),
      (text) => {
        try {
          const name = parseSubdomain(text);
          expect(new URL(`https://${name}.au1.example.com`).hostname).toBe(`${name}.au1.example.com`);
          expect(parseSubdomain(name)).toBe(name);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidSubdomain);
        }
      },
    ),
  );
});
