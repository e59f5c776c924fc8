import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import {
  derivedSecret,
  newDirectoryKey,
  readDirectoryToken,
  readSigningKey,
  readVerificationKeys,
  signDirectoryToken,
  WrongDirectoryKey,
} from './directory-token.ts';

const pair = newDirectoryKey();
const signing = readSigningKey(pair.privateKey);
const known = readVerificationKeys(pair.publicKey);
const grant = { operationId: 'ExportDocuments', accountId: 'an-account', moveId: 'a-move' };

test('a token says which operation on which account and in which move', async () => {
  expect(await readDirectoryToken(known, 'au1', await signDirectoryToken(signing, 'au1', grant))).toEqual(grant);
  const { moveId: _, ...ofNoMove } = grant;
  expect(await readDirectoryToken(known, 'au1', await signDirectoryToken(signing, 'au1', ofNoMove))).toEqual(ofNoMove);
});

const now = () => Math.floor(Date.now() / 1000);

function changed(changes: { claims?: object; header?: object; key?: KeyObject | Uint8Array }): Promise<string> {
  const claims = { op: 'ExportDocuments', iss: 'caregate-directory', aud: 'au1', sub: 'an-account', jti: 'a' };
  return new SignJWT({ ...claims, iat: now(), exp: now() + 60, ...changes.claims })
    .setProtectedHeader({ alg: 'EdDSA', kid: signing.id, ...changes.header })
    .sign(changes.key ?? signing.key);
}

test('a token that is made as the directory makes it is good, so the others fail by what is changed', async () => {
  expect(await readDirectoryToken(known, 'au1', await changed({}))).toBeDefined();
});

test.each([
  ['for another shard', { claims: { aud: 'uk1' } }],
  ['of another issuer', { claims: { iss: 'caregate' } }],
  ['that is over', { claims: { exp: now() - 120 } }],
  ['that was made long ago, whenever it ends', { claims: { iat: now() - 3_600, exp: now() + 3_600 } }],
  ['without an end', { claims: { exp: undefined } }],
  ['without an operation', { claims: { op: undefined } }],
  ['whose move is no text', { claims: { move: { $ne: null } } }],
  ['without an account', { claims: { sub: undefined } }],
  ['of a key that is not known', { header: { kid: 'another' } }],
  ['signed by another key', { key: generateKeyPairSync('ed25519').privateKey }],
  ['signed with the public key as a secret', { header: { alg: 'HS256' }, key: Buffer.from(pair.publicKey) }],
])('a token %s is none', async (_what, changes) => {
  expect(await readDirectoryToken(known, 'au1', await changed(changes))).toBeUndefined();
});

test.each(['', 'nonsense', 'a.b.c'])('%j is no token', async (text) => {
  expect(await readDirectoryToken(known, 'au1', text)).toBeUndefined();
});

test('while keys are changed tokens of both are good, and afterwards only those of the new one', async () => {
  const next = newDirectoryKey();
  const both = readVerificationKeys(`[${pair.publicKey}, ${next.publicKey}]`);
  for (const { privateKey } of [pair, next]) {
    const token = await signDirectoryToken(readSigningKey(privateKey), 'au1', grant);
    expect(await readDirectoryToken(both, 'au1', token)).toEqual(grant);
  }
  const old = await signDirectoryToken(signing, 'au1', grant);
  expect(await readDirectoryToken(readVerificationKeys(next.publicKey), 'au1', old)).toBeUndefined();
});

test('keys may be PEM, in one line too, and sets of JWKs', () => {
  const pem = String(signing.key.export({ type: 'pkcs8', format: 'pem' }));
  const publicPem = String(createPublicKey(signing.key).export({ type: 'spki', format: 'pem' }));
  const ids = [pem, pem.replaceAll('\n', '\\n')].map((text) => readSigningKey(text).id);
  expect(ids).toEqual([pair.id, pair.id]);
  const sets = [publicPem, publicPem + publicPem, `{"keys":[${pair.publicKey}]}`].map(readVerificationKeys);
  expect(sets.map((keys) => [...keys.keys()])).toEqual([[pair.id], [pair.id], [pair.id]]);
});

test('what is no key is refused without a word of it, and a private key among the public ones too', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const rsaPem = String(rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  for (const text of ['planted', '{"planted":1}', '{planted', rsaPem, pair.publicKey])
    expect(() => readSigningKey(text)).toThrow(/^must be an Ed25519 private key, as a JWK or PEM$/);
  for (const text of ['planted', '[]', '{"planted":1}', String(rsa.publicKey.export({ type: 'spki', format: 'pem' }))])
    expect(() => readVerificationKeys(text)).toThrow(/^must be Ed25519 public keys/);
  const pem = String(signing.key.export({ type: 'pkcs8', format: 'pem' }));
  for (const text of [pair.privateKey, `[${pair.privateKey}]`, pem])
    expect(() => readVerificationKeys(text)).toThrow(/holds a private key/);
  expect(() => readSigningKey('planted')).toThrow(WrongDirectoryKey);
});

test('secrets for other purposes differ by purpose and by key', () => {
  const other = readSigningKey(newDirectoryKey().privateKey);
  const secrets = [derivedSecret(signing, 'a'), derivedSecret(signing, 'b'), derivedSecret(other, 'a')];
  expect(new Set(secrets.map((secret) => secret.toString('hex'))).size).toBe(3);
  expect(derivedSecret(signing, 'a')).toEqual(secrets[0]);
});
