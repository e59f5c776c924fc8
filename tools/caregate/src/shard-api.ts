import { CommandFailed } from './command-failed.ts';

/** The address of a shard where it is not the one that people use. @throws {CommandFailed} when it cannot be used */
export function shardUrl(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const url = env['SHARD_URL'];
  if (!url) return undefined;
  if (!URL.canParse(url) || !/^https?:/.test(url))
    throw new CommandFailed('SHARD_URL must be an address such as http://127.0.0.1:3001');
  return url.replace(/\/+$/, '');
}

export interface ImportResult {
  readonly imported: number;
  readonly present: number;
  readonly refused: readonly { readonly index: number; readonly reason: string }[];
}

/**
 * Brings API keys to a shard, with a token of the directory.
 * @throws {CommandFailed} with what the shard says, or that it cannot be reached
 */
export async function importKeys(
  { url, token }: { readonly url: string; readonly token: string },
  subdomain: string,
  keys: readonly { key: string; name?: string }[],
): Promise<ImportResult> {
  const response = await fetch(`${url}/caregate/v1/imported_api_keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ subdomain, keys }),
    signal: AbortSignal.timeout(60_000),
  }).catch(() => {
    throw new CommandFailed(`the shard does not answer at ${url}; set SHARD_URL to where it can be reached from here`);
  });
  const answer: unknown = await response.json().catch(() => undefined);
  if (response.ok) return answer as ImportResult; // as the shard's contract says
  const message =
    typeof answer === 'object' && answer !== null && 'message' in answer ? String(answer.message) : undefined;
  throw new CommandFailed(message ?? `the shard answered ${response.status}`);
}
