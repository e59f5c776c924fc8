import { CommandFailed } from './command-failed.ts';

/** A move as the directory shows it. */
export interface Move {
  readonly id: string;
  readonly subdomain: string;
  readonly from: string;
  readonly to: string;
  readonly phase: string;
  readonly moved: boolean;
  readonly progress: {
    readonly copied: number;
    readonly total: number;
    readonly lagMs?: number;
    readonly secondsLeft?: number;
    readonly pausedMs?: number;
  };
  readonly fault?: string;
  readonly startedTime: string;
}

/** An account, and where it is. */
export interface PlacedAccount {
  readonly accountId: string;
  readonly subdomain: string;
  readonly region: string;
  readonly shard: string;
  readonly state: string;
  readonly urls: { readonly account: string; readonly api: string };
}

/** Where an account's API keys may be imported, and by which token, for a minute. */
export interface KeyImportGrant {
  readonly shard: string;
  readonly apiUrl: string;
  readonly token: string;
}

export interface DirectorySettings {
  readonly url: string;
  readonly token: string;
}

/** @throws {CommandFailed} when a variable is missing or cannot be used */
export function directorySettings(env: NodeJS.ProcessEnv = process.env): DirectorySettings {
  const url = env['DIRECTORY_URL'] || 'http://127.0.0.1:3000';
  const token = env['OPERATOR_TOKEN'];
  if (!URL.canParse(url) || !/^https?:/.test(url))
    throw new CommandFailed('DIRECTORY_URL must be an address such as http://127.0.0.1:3000');
  if (!token) throw new CommandFailed('OPERATOR_TOKEN is needed: the one that the directory was started with');
  return { url: url.replace(/\/+$/, ''), token };
}

/** An API key as its shard shows it. */
export interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly last4: string;
  readonly createdBy?: string;
  readonly createdTime: string;
  readonly lastUsedTime?: string;
  readonly revokedTime?: string;
  readonly stoppedTime?: string;
  readonly expiresTime?: string;
}

/** How much an account uses, and may use: 0 is no limit. */
export interface AccountQuotas {
  readonly quotas: readonly {
    readonly name: string;
    readonly limit: number;
    readonly used?: number;
    readonly isSet: boolean;
  }[];
  readonly measuredTime?: string;
}

const PAGE = 500;

/** What operators ask of the directory. */
export class Directory {
  private readonly settings: DirectorySettings;

  constructor(settings: DirectorySettings) {
    this.settings = settings;
  }

  /** All accounts, page by page. */
  async *accounts(which: { readonly shard?: string; readonly state?: string }): AsyncGenerator<PlacedAccount> {
    for (let after: string | undefined; ;) {
      const query = new URLSearchParams({ ...which, limit: String(PAGE), ...(after !== undefined && { after }) });
      const page = await this.ask<PlacedAccount[]>('GET', `/accounts?${query}`);
      yield* page;
      after = page.at(-1)?.subdomain;
      if (page.length < PAGE) return;
    }
  }

  startMove(subdomain: string, to: string): Promise<Move> {
    return this.ask('POST', `/accounts/${encodeURIComponent(subdomain)}/moves`, { to });
  }

  grantKeyImport(subdomain: string): Promise<KeyImportGrant> {
    return this.ask('POST', `/accounts/${encodeURIComponent(subdomain)}/key_import_tokens`);
  }

  moves(subdomain: string): Promise<Move[]> {
    return this.ask('GET', `/accounts/${encodeURIComponent(subdomain)}/moves`);
  }

  move(id: string): Promise<Move> {
    return this.ask('GET', `/moves/${encodeURIComponent(id)}`);
  }

  cancelMove(id: string): Promise<Move> {
    return this.ask('POST', `/moves/${encodeURIComponent(id)}/cancel`);
  }

  resumeMove(id: string): Promise<Move> {
    return this.ask('POST', `/moves/${encodeURIComponent(id)}/resume`);
  }

  quotas(subdomain: string): Promise<AccountQuotas> {
    return this.ask('GET', `/accounts/${encodeURIComponent(subdomain)}/quotas`);
  }

  setQuotas(subdomain: string, quotas: Readonly<Record<string, number | undefined>>): Promise<AccountQuotas> {
    return this.ask('PUT', `/accounts/${encodeURIComponent(subdomain)}/quotas`, quotas);
  }

  keys(subdomain: string): Promise<ApiKey[]> {
    return this.ask('GET', `/accounts/${encodeURIComponent(subdomain)}/api_keys`);
  }

  revokeKey(subdomain: string, keyId: string): Promise<void> {
    return this.ask('DELETE', `/accounts/${encodeURIComponent(subdomain)}/api_keys/${encodeURIComponent(keyId)}`);
  }

  /** @throws {CommandFailed} with what the directory says, or that it cannot be reached */
  private async ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const { url, token } = this.settings;
    const response = await fetch(`${url}/caregate/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    }).catch(() => {
      throw new CommandFailed(`the directory does not answer at ${url}; is DIRECTORY_URL right?`);
    });
    const answer: unknown = await response.json().catch(() => undefined);
    if (response.ok) return answer as T; // as the directory's contract says
    const message =
      typeof answer === 'object' && answer !== null && 'message' in answer
        ? String(answer.message)
        : `it answered ${response.status}`;
    throw new CommandFailed(message);
  }
}
