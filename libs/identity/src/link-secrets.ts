import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

/** What a mailed link opens. */
export type LinkPurpose = 'clinician invite' | 'sign-up';

/**
 * The secrets that stand in mailed links and nowhere else. A secret is derived from a key of the shard and the id of the document
 * that the link is about, so that the API and the worker agree on it while database, events and logs hold nothing of it.
 */
export class LinkSecrets {
  private readonly keys: readonly Buffer[];

  /** @param secrets the newest first; the worker mails by it, links by the others still open. Without any there are no links. */
  constructor(shardId: string, secrets: readonly string[]) {
    this.keys = secrets.map((secret) => Buffer.from(hkdfSync('sha256', secret, shardId, 'caregate mailed links', 32)));
  }

  /** Whether this shard can mail links that prove an address. */
  get available(): boolean {
    return this.keys.length > 0;
  }

  /** The secret of a link, 43 characters that need no encoding in an address; undefined where there is no key. */
  secretOf(purpose: LinkPurpose, id: string): string | undefined {
    const [newest] = this.keys;
    return newest && derive(newest, purpose, id).toString('base64url');
  }

  /** Says in constant time whether a text is the secret of a link. */
  matches(purpose: LinkPurpose, id: string, given: string): boolean {
    const bytes = Buffer.from(given, 'base64url');
    return this.keys.some((key) => {
      const expected = derive(key, purpose, id);
      return bytes.length === expected.length && timingSafeEqual(bytes, expected);
    });
  }
}

const derive = (key: Buffer, purpose: LinkPurpose, id: string) =>
  createHmac('sha256', key).update(`${purpose}\n${id}`).digest();
