import { createHash } from 'node:crypto';
import { errors, jwtVerify, SignJWT } from 'jose';
import type { LocalConfig } from '../settings.ts';

/** What a token says. `epoch` counts the times that a user's sessions were ended: only tokens of the present one are good. */
export type Claims = { kind: 'user'; subject: string; epoch: number } | { kind: 'service'; subject: string };

const ISSUER = 'caregate';
const SERVICE_TOKEN_SECONDS = 3_600;

/** Signed tokens (JWT, HS256) that are good on one shard only, even where shards share a secret. */
export class SessionTokens {
  private readonly keys: { id: string; key: Uint8Array }[];

  constructor(private readonly config: LocalConfig) {
    this.keys = [config.secret, config.previousSecret]
      .filter((secret) => secret !== undefined)
      .map((secret) => ({ id: keyId(secret), key: new TextEncoder().encode(secret) }));
  }

  async sign(claims: Claims): Promise<{ token: string; expiresTime: Date }> {
    const now = Math.floor(Date.now() / 1000);
    const seconds = claims.kind === 'service' ? SERVICE_TOKEN_SECONDS : this.config.sessionHours * 3_600;
    const expires = now + Math.round(seconds);
    const [newest] = this.keys;
    if (!newest) throw new Error('no key to sign with');
    const token = await new SignJWT({ kind: claims.kind, ...(claims.kind === 'user' && { epoch: claims.epoch }) })
      .setProtectedHeader({ alg: 'HS256', kid: newest.id })
      .setSubject(claims.subject)
      .setIssuer(ISSUER)
      .setAudience(this.config.shardId)
      .setIssuedAt(now)
      .setExpirationTime(expires)
      .sign(newest.key);
    return { token, expiresTime: new Date(expires * 1000) };
  }

  /** The claims of a good token; `undefined` for anything else: another key, another shard, expired, not a token. */
  async read(token: string): Promise<Claims | undefined> {
    try {
      const { payload } = await jwtVerify(token, ({ kid }) => this.keyCalled(kid), {
        algorithms: ['HS256'],
        issuer: ISSUER,
        audience: this.config.shardId,
        requiredClaims: ['sub', 'exp', 'kind'],
      });
      const { sub: subject = '', kind, epoch } = payload;
      if (kind === 'service') return { kind, subject };
      return kind === 'user' && typeof epoch === 'number' ? { kind, subject, epoch } : undefined;
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined;
      throw error;
    }
  }

  private keyCalled(id: string | undefined): Uint8Array {
    const found = this.keys.find((candidate) => candidate.id === id);
    if (!found) throw new errors.JWKSNoMatchingKey();
    return found.key;
  }
}

/** Names a key without giving it away. */
const keyId = (secret: string) => createHash('sha256').update(`caregate key id ${secret}`).digest('hex').slice(0, 8);
