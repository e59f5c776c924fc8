import { SignJWT, UnsecuredJWT } from 'jose';
import { SessionTokens } from './session-tokens.ts';

const config = { shardId: 'au1', secret: 's'.repeat(32), sessionHours: 1 };
const claims = { kind: 'user', subject: 'a000000001', epoch: 3 } as const;

test('a token says again what it was made from', async () => {
  const tokens = new SessionTokens(config);
  const { token, expiresTime } = await tokens.sign(claims);
  expect(await tokens.read(token)).toEqual(claims);
  expect(Math.abs(expiresTime.getTime() - Date.now() - 3_600_000)).toBeLessThan(5_000);
  const service = { kind: 'service', subject: 'clinic-worker' } as const;
  expect(await tokens.read((await tokens.sign(service)).token)).toEqual(service);
});

test('a token of another secret, another shard or none is unknown', async () => {
  const tokens = new SessionTokens(config);
  const elsewhere = await new SessionTokens({ ...config, shardId: 'uk1' }).sign(claims);
  const forged = await new SessionTokens({ ...config, secret: 'x'.repeat(32) }).sign(claims);
  const unsigned = new UnsecuredJWT({ kind: 'service' })
    .setSubject('root')
    .setIssuer('caregate')
    .setAudience('au1')
    .setExpirationTime('1h')
    .encode();
  for (const token of [elsewhere.token, forged.token, unsigned, '', 'a.b.c', 'server'])
    expect(await tokens.read(token)).toBeUndefined();
});

test('an expired token is unknown', async () => {
  const { token } = await new SessionTokens({ ...config, sessionHours: -1 }).sign(claims);
  expect(await new SessionTokens(config).read(token)).toBeUndefined();
});

test('a token without an end is unknown, whoever signed it', async () => {
  const tokens = new SessionTokens(config);
  const kid = JSON.parse(
    Buffer.from((await tokens.sign(claims)).token.split('.')[0] ?? '', 'base64url').toString(),
  ).kid;
  const endless = await new SignJWT({ kind: 'service' })
    .setProtectedHeader({ alg: 'HS256', kid })
    .setSubject('root')
    .setIssuer('caregate')
    .setAudience('au1')
    .sign(new TextEncoder().encode(config.secret));
  expect(await tokens.read(endless)).toBeUndefined();
});

test('after the secret was changed the tokens of the one before are still good, and new ones are signed with the new', async () => {
  const before = new SessionTokens(config);
  const after = new SessionTokens({ ...config, secret: 'n'.repeat(32), previousSecret: config.secret });
  expect(await after.read((await before.sign(claims)).token)).toEqual(claims);
  expect(await before.read((await after.sign(claims)).token)).toBeUndefined();
});
