import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import type { AccountId } from '@caregate/clinic-model';
import stringify from 'safe-stable-stringify';

const CIPHER = 'aes-256-gcm';
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** What makes two requests the same one. */
export interface Sent {
  readonly operationId: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly query: unknown;
  readonly body: unknown;
}

/**
 * A request that carries an `Idempotency-Key`. The key is the client's: it is never stored, and what is stored of the request
 * and its answer can be compared or read only with it.
 */
export class KeyedRequest {
  /** The same for the same caller and key. */
  readonly id: string;
  /** The same for the same request under this key; tells nothing of it to whoever does not have the key. */
  readonly fingerprint: string;

  constructor(
    private readonly caller: string,
    private readonly key: string,
    readonly sent: Sent,
    /** Through whose subdomain or key it came. */
    readonly accountId?: AccountId,
  ) {
    this.id = createHash('sha256')
      .update(JSON.stringify([caller, key]))
      .digest('hex');
    const { operationId, params, query, body } = sent;
    this.fingerprint = createHmac('sha256', key)
      .update(stringify([operationId, params, query, body ?? null]))
      .digest('hex');
  }

  /** Encrypts a text for whoever sends the same key again. */
  seal(text: string): Buffer {
    const salt = randomBytes(SALT_BYTES);
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.secret(salt), nonce);
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return Buffer.concat([salt, nonce, cipher.getAuthTag(), sealed]);
  }

  /** @throws {Error} when it was sealed with another key, or changed */
  unseal(sealed: Buffer): string {
    const salt = sealed.subarray(0, SALT_BYTES);
    const nonce = sealed.subarray(SALT_BYTES, SALT_BYTES + NONCE_BYTES);
    const tag = sealed.subarray(SALT_BYTES + NONCE_BYTES, SALT_BYTES + NONCE_BYTES + TAG_BYTES);
    const decipher = createDecipheriv(CIPHER, this.secret(salt), nonce, { authTagLength: TAG_BYTES });
    decipher.setAuthTag(tag);
    const text = decipher.update(sealed.subarray(SALT_BYTES + NONCE_BYTES + TAG_BYTES));
    return Buffer.concat([text, decipher.final()]).toString('utf8');
  }

  private secret(salt: Buffer): Buffer {
    return Buffer.from(hkdfSync('sha256', this.key, salt, this.caller, 32));
  }
}
