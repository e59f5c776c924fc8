import { CommandFailed } from './command-failed.ts';

export interface ShardApiSettings {
  readonly url: string;
  readonly secret: string;
}

/** @throws {CommandFailed} when a variable is missing or cannot be used */
export function shardApiSettings(env: NodeJS.ProcessEnv = process.env): ShardApiSettings {
  const [url, secret] = [env['SHARD_URL'], env['PROVISIONING_SECRET']];
  if (!url) throw new CommandFailed('SHARD_URL is needed: the address of the shard’s clinic API');
  if (!URL.canParse(url) || !/^https?:/.test(url))
    throw new CommandFailed('SHARD_URL must be an address such as http://127.0.0.1:3001');
  if (!secret) throw new CommandFailed('PROVISIONING_SECRET is needed: the one that the shard was started with');
  return { url: url.replace(/\/+$/, ''), secret };
}

export interface ImportResult {
  readonly imported: number;
  readonly present: number;
  readonly refused: readonly { readonly index: number; readonly reason: string }[];
}

/** What operators ask of a shard. */
export class ShardApi {
  private readonly settings: ShardApiSettings;

  constructor(settings: ShardApiSettings) {
    this.settings = settings;
  }

  /** @throws {CommandFailed} with what the shard says, or that it cannot be reached */
  async importKeys(subdomain: string, keys: readonly { key: string; name?: string }[]): Promise<ImportResult> {
    const { url, secret } = this.settings;
    const response = await fetch(`${url}/caregate/v1/imported_api_keys`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({ subdomain, keys }),
      signal: AbortSignal.timeout(60_000),
    }).catch(() => {
      throw new CommandFailed(`the shard does not answer at ${url}; is SHARD_URL right?`);
    });
    const answer: unknown = await response.json().catch(() => undefined);
    if (response.ok) return answer as ImportResult; // as the shard's contract says
    const message =
      typeof answer === 'object' && answer !== null && 'message' in answer ? String(answer.message) : undefined;
    throw new CommandFailed(message ?? `the shard answered ${response.status}`);
  }
}
