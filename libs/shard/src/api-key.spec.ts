import fc from 'fast-check';
import { type ApiKeyFault, basicAuthorization, formatApiKey, InvalidApiKey, parseApiKey, shardOf } from './api-key.ts';
import { isShardId, type ShardId } from './shard-id.ts';

const SECRET_CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=_.~';
const secrets = fc.string({ unit: fc.constantFrom(...SECRET_CHARACTERS), minLength: 1, maxLength: 200 });
const shardIds = fc
  .tuple(fc.constantFrom('au', 'uk', 'ca', 'zz'), fc.integer({ min: 0, max: 99 }))
  .map(([region, number]) => `${region}${number}`)
  .filter(isShardId);

describe('reading an API key', () => {
  test('the characters after the dash tell which shard the key may be used against', () => {
    const key = 'MS0xLWl4SzYYYYdtR3V2HNOTAREALKEYwvNHI2d2xHHHHjLXuytrF0ZV9sdeW0pd';
    expect(parseApiKey(`${key}-au1`)).toEqual({ secret: key, shardId: 'au1' });
    expect(parseApiKey(`${key}-uk1`)).toEqual({ secret: key, shardId: 'uk1' });
    expect(parseApiKey(`${key}-ca12`)).toEqual({ secret: key, shardId: 'ca12' });
  });

  test('a key of the time before shards has no suffix and belongs to au1', () => {
    const old = parseApiKey('MS0xLWl4SzYY');
    expect(old).toEqual({ secret: 'MS0xLWl4SzYY', shardId: undefined });
    expect(shardOf(old)).toBe('au1');
    expect(shardOf(parseApiKey('MS0xLWl4SzYY-uk1'))).toBe('uk1');
  });

  test('spaces around it and the case of the suffix do not matter, the case of the secret does', () => {
    expect(parseApiKey(' \tMS0x-AU1\r\n')).toEqual({ secret: 'MS0x', shardId: 'au1' });
  });

  test('the shard can be checked against those that exist', () => {
    expect(parseApiKey('MS0x-uk1', ['au1', 'uk1']).shardId).toBe('uk1');
    expect(parseApiKey('MS0x', ['uk1']).shardId).toBeUndefined();
    expect(reasonOf('MS0x-nz1', ['au1', 'uk1'])).toBe('unknown shard');
  });

  test.each<[string, ApiKeyFault]>([
    ['', 'empty'],
    ['   ', 'empty'],
    ['-', 'empty'],
    ['-au1', 'empty'],
    ['MS0x-', 'suffix'],
    ['MS0x-au', 'suffix'],
    ['MS0x-a1', 'suffix'],
    ['MS0x-au123', 'suffix'],
    ['MS0x-1au', 'suffix'],
    ['MS0x-__1', 'suffix'], // \w in the source's expression would take it
    ['MS0x-au 1', 'suffix'],
    ['MS0x- au1', 'suffix'],
    ['MS0x--au1', 'hyphens'],
    ['MS-0x-au1', 'hyphens'],
    ['MS0x-au1-uk1', 'hyphens'],
    ['MS0x-au1-', 'hyphens'],
    ['MS 0x-au1', 'characters'],
    ['MS0x:-au1', 'characters'],
    ['MS0x\u0000-au1', 'characters'],
    ['MS0\u0445-au1', 'characters'], // Cyrillic х
    ['MS0x\u2010au1', 'characters'], // hyphen that is not hyphen-minus
    ['MS0x\u2013au1', 'characters'], // en dash, as word processors write it
    ['MS0x\uff0dau1', 'characters'], // full-width hyphen
    ['MS0x-\u0430u1', 'suffix'], // Cyrillic а
    ['MS0x-au\u0661', 'suffix'], // Arabic one
    ['MS0x-au\uff11', 'suffix'], // full-width one
    ['MS0x-\u212a\u212a1', 'suffix'], // Kelvin signs, lower case k
    ['\u00a0MS0x-au1', 'characters'],
    ['MS0x-au1\u200b', 'suffix'],
    ['x'.repeat(600), 'too long'],
  ])('%j is no API key: %s', (text, reason) => {
    expect(reasonOf(text)).toBe(reason);
  });

  test.each([
    ['MS0x:-au1', 'a colon'],
    ['MS0x-au1:', 'a colon'],
    ['"MS0x-au1"', 'a quotation mark'],
    ['MS0x-au1\u201d', 'a quotation mark'],
    ['\u00a0MS0x-au1', 'cannot be seen'],
    ['MS0x-au1\u200b', 'cannot be seen'],
    ['MS0x\u2013au1', 'a dash that is no hyphen'],
    ['MS0\u0445-au1', 'a character that no API key has'],
  ])('of %j the message says what came along when it was copied: %s', (text, named) => {
    expect(faultOf(text).message).toContain(named);
  });

  test('what was written is read again', () => {
    fc.assert(
      fc.property(secrets, fc.option(shardIds, { nil: undefined }), (secret, shardId) => {
        expect(parseApiKey(formatApiKey({ secret, shardId }))).toEqual({ secret, shardId });
      }),
    );
  });

  test('any text is a key that is written the same again, or a typed error', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom('a', 'u', '1', '-', ' ', 'A') })),
        (text) => {
          try {
            const key = parseApiKey(text);
            expect(formatApiKey(key).toLowerCase()).toBe(text.trim().toLowerCase());
            expect(key.secret).not.toContain('-');
          } catch (error) {
            expect(error).toBeInstanceOf(InvalidApiKey);
          }
        },
      ),
    );
  });

  test('no error holds any part of a key', () => {
    const longSecrets = secrets.filter(({ length }) => length >= 8);
    const spoiled = fc.tuple(
      longSecrets,
      fc.constantFrom('-nz', '-au1-', '--au1', '-a\u0000', ' -au1', '\u2013au1', '-nz9'),
    );
    fc.assert(
      fc.property(spoiled, ([secret, tail]) => {
        const error = faultOf(secret + tail, ['au1']);
        expect(`${error.message} ${JSON.stringify(error)} ${error.stack}`).not.toContain(secret);
      }),
    );
  });
});

test('a key goes into the Basic authorization header followed by a colon, with the suffix or without', () => {
  expect(basicAuthorization(parseApiKey('MS0xLWl4SzYY-uk1'))).toBe(
    `Basic ${Buffer.from('MS0xLWl4SzYY-uk1:').toString('base64')}`,
  );
  expect(basicAuthorization(parseApiKey('MS0xLWl4SzYY'))).toBe(
    `Basic ${Buffer.from('MS0xLWl4SzYY:').toString('base64')}`,
  );
});

function faultOf(text: string, knownShards?: (ShardId | string)[]): InvalidApiKey {
  try {
    parseApiKey(text, knownShards);
  } catch (error) {
    if (error instanceof InvalidApiKey) return error;
    throw error;
  }
  throw new Error('it was taken as a key');
}

function reasonOf(text: string, knownShards?: string[]): ApiKeyFault {
  return faultOf(text, knownShards).reason;
}
