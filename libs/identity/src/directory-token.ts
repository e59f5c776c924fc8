import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hkdfSync,
  type JsonWebKeyInput,
  type KeyObject,
} from 'node:crypto';
import { errors, jwtVerify, SignJWT } from 'jose';

/** What the directory may do on a shard with one token: one operation on one account, within one move where it is about one. */
export interface DirectoryGrant {
  readonly operationId: string;
  readonly accountId: string;
  readonly moveId?: string;
  /** How often the move had been claimed when the request was made: who claims it later comes before who slept. */
  readonly claim?: number;
}

export interface SigningKey {
  readonly id: string;
  readonly key: KeyObject;
}

/** Public keys by their ids: the present one, and while keys are changed the one before or after it. */
export type VerificationKeys = ReadonlyMap<string, KeyObject>;

/** A text holds no such key; the message says what it should hold and repeats nothing of it. */
export class WrongDirectoryKey extends Error {
  override readonly name = 'WrongDirectoryKey';
}

const ISSUER = 'caregate-directory';
const ALGORITHM = 'EdDSA';
/** Longer than any request of the directory to a shard lasts. */
const LIFE_SECONDS = 60;
/** The clocks of the directory and of a shard may be so far apart. */
const CLOCKS_APART_SECONDS = 30;

/** Signs a token that is good on one shard, for one operation on one account, for a minute. */
export function signDirectoryToken(
  { id, key }: SigningKey,
  shardId: string,
  { operationId, accountId, moveId, claim }: DirectoryGrant,
): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({
    op: operationId,
    ...(moveId !== undefined && { move: moveId }),
    ...(claim !== undefined && { claim }),
  })
    .setProtectedHeader({ alg: ALGORITHM, kid: id })
    .setIssuer(ISSUER)
    .setAudience(shardId)
    .setSubject(accountId)
    .setJti(crypto.randomUUID())
    .setIssuedAt(now)
    .setExpirationTime(now + LIFE_SECONDS)
    .sign(key);
}

/** What a good token grants; `undefined` for anything else: another key, another shard, expired, not a token. */
export async function readDirectoryToken(
  keys: VerificationKeys,
  shardId: string,
  token: string,
): Promise<DirectoryGrant | undefined> {
  try {
    const { payload } = await jwtVerify(token, ({ kid = '' }) => keyCalled(keys, kid), {
      algorithms: [ALGORITHM],
      issuer: ISSUER,
      audience: shardId,
      requiredClaims: ['sub', 'exp', 'jti', 'op'],
      maxTokenAge: LIFE_SECONDS,
      clockTolerance: CLOCKS_APART_SECONDS,
    });
    const { sub: accountId = '', op, move, claim } = payload;
    if (typeof op !== 'string' || (move !== undefined && typeof move !== 'string')) return undefined;
    if (claim !== undefined && typeof claim !== 'number') return undefined;
    return {
      operationId: op,
      accountId,
      ...(move !== undefined && { moveId: move }),
      ...(claim !== undefined && { claim }),
    };
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined;
    throw error;
  }
}

function keyCalled(keys: VerificationKeys, id: string): KeyObject {
  const found = keys.get(id);
  if (!found) throw new errors.JWKSNoMatchingKey();
  return found;
}

/** A new pair of keys, each as a JWK in one line. */
export function newDirectoryKey(): { readonly id: string; readonly privateKey: string; readonly publicKey: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    id: idOf(publicKey),
    privateKey: JSON.stringify(privateKey.export({ format: 'jwk' })),
    publicKey: JSON.stringify(publicKey.export({ format: 'jwk' })),
  };
}

/** Reads a private key, as a JWK or as PEM. @throws {WrongDirectoryKey} */
export function readSigningKey(text: string): SigningKey {
  const key = orWrong('must be an Ed25519 private key, as a JWK or PEM', () =>
    ed25519(
      text.trim().startsWith('{')
        ? createPrivateKey({ key: JSON.parse(text), format: 'jwk' })
        : createPrivateKey(text.replaceAll('\\n', '\n')),
    ),
  );
  return { id: idOf(createPublicKey(key)), key };
}

/** Reads one or several public keys: a JWK, a list or set of JWKs, or PEM blocks one after the other. @throws {WrongDirectoryKey} */
export function readVerificationKeys(text: string): VerificationKeys {
  const keys = /^\s*[[{]/.test(text) ? keysInJson(text) : keysInPem(text);
  if (keys.length === 0) throw new WrongDirectoryKey(PUBLIC_KEYS);
  return new Map(keys.map((key) => [idOf(key), key]));
}

/** A secret of 32 bytes for another purpose, which tells nothing of the key that it is derived from. */
export function derivedSecret({ key }: SigningKey, purpose: string): Buffer {
  const { d = '' } = key.export({ format: 'jwk' });
  return Buffer.from(hkdfSync('sha256', Buffer.from(d, 'base64url'), '', purpose, 32));
}

const PUBLIC_KEYS = 'must be Ed25519 public keys: a JWK, a list of JWKs, or PEM';

function keysInJson(text: string): KeyObject[] {
  const parsed: unknown = orWrong(PUBLIC_KEYS, () => JSON.parse(text));
  const list = Array.isArray(parsed) ? parsed : isSet(parsed) ? parsed.keys : [parsed];
  return list.map((jwk: unknown) => {
    if (typeof jwk === 'object' && jwk !== null && 'd' in jwk) throw privateOne();
    return orWrong(PUBLIC_KEYS, () => ed25519(createPublicKey({ key: jwk as JsonWebKeyInput['key'], format: 'jwk' }))); // it checks what it gets
  });
}

const isSet = (value: unknown): value is { readonly keys: unknown[] } =>
  typeof value === 'object' && value !== null && 'keys' in value && Array.isArray(value.keys);

function keysInPem(text: string): KeyObject[] {
  if (text.includes('PRIVATE KEY')) throw privateOne();
  const blocks = text.replaceAll('\\n', '\n').match(/-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/g) ?? [];
  return blocks.map((block) => orWrong(PUBLIC_KEYS, () => ed25519(createPublicKey(block))));
}

const privateOne = () =>
  new WrongDirectoryKey('holds a private key, which only the directory may have; give the public ones');

/** What Node says of a text that is no key may repeat some of it. */
function orWrong<T>(message: string, read: () => T): T {
  try {
    return read();
  } catch {
    throw new WrongDirectoryKey(message);
  }
}

function ed25519(key: KeyObject): KeyObject {
  if (key.asymmetricKeyType !== 'ed25519') throw new Error('the key is of another kind');
  return key;
}

/** Names a key by a hash of its public half (RFC 7638), so that both sides find the same name by themselves. */
function idOf(publicKey: KeyObject): string {
  const { crv, kty, x } = publicKey.export({ format: 'jwk' });
  return createHash('sha256').update(JSON.stringify({ crv, kty, x })).digest('base64url');
}
