import type { ClinicClient } from '@caregate/contracts';
import {
  type Address,
  type ApiKey,
  apiUrl,
  basicAuthorization,
  formatApiKey,
  isShardId,
  parseApiKey,
  parseHost,
  type ShardId,
  shardOf,
} from '@caregate/shard';
import createClient from 'openapi-fetch';
import { userAgentOf } from './contact.ts';
import { retryAfterMs } from './retry-after.ts';

export interface CaregateClientOptions {
  /** As a person gave it: `<secret>-<shard>`, or the secret alone for keys of the time before shards. */
  readonly apiKey: string;
  /** Who runs the integration, such as `Your name (integrations@example.com)`: sent as the User-Agent. */
  readonly contact: string;
  /** The domain of the service. */
  readonly domain?: string;
  /** How the shards are reached where it is not plain https; for development. */
  readonly address?: Address;
  /** Where a shard's API is, without a slash at the end; in place of `domain` and `address`. */
  readonly apiUrlOf?: (shardId: ShardId) => string;
  /** How often a request is sent again that was answered 429 or 503. 5 unless given. */
  readonly retries?: number;
  /** The longest wait that is taken, in milliseconds; when the server asks for more, its answer is handed on. A minute unless given. */
  readonly longestWaitMs?: number;
  /** In place of the global `fetch`. */
  readonly fetch?: typeof fetch;
}

/** The account of the key has moved to another shard. Save the key: from now on it ends in the new shard. */
export class MovedEvent extends Event {
  readonly from: ShardId;
  readonly to: ShardId;
  /** The same secret with its new suffix. */
  readonly apiKey: string;

  constructor(from: ShardId, to: ShardId, apiKey: string) {
    super('moved');
    this.from = from;
    this.to = to;
    this.apiKey = apiKey;
  }
}

const DEFAULT_DOMAIN = 'caregate.example';
const RETRIES = 5;
const LONGEST_WAIT_MS = 60_000;
const WAIT_UNLESS_TOLD_MS = 1_000;
const RETRIED = [429, 503];
const MOVED = [301, 308];

/**
 * A client of the clinic API for one account. It finds its shard from the key, says who it is, waits when it is told to, and follows
 * the account once to another shard: then it tells its owner by the event `moved`.
 * `api` is typed by the contract: `client.api.GET('/v1/clinics/{clinicId}/patients', { params: { path: { clinicId } } })`.
 */
export class CaregateClient extends EventTarget {
  readonly api: ClinicClient;
  private readonly options: CaregateClientOptions;
  private readonly userAgent: string;
  private readonly secret: string;
  private shard: ShardId;

  /** @throws {InvalidApiKey} of `@caregate/shard` @throws {TypeError} for a contact that is none */
  constructor(options: CaregateClientOptions) {
    super();
    const key = parseApiKey(options.apiKey);
    this.options = options;
    this.userAgent = userAgentOf(options.contact);
    this.secret = key.secret;
    this.shard = shardOf(key);
    // Only the path counts; the shard is chosen for each request.
    this.api = createClient({
      baseUrl: 'https://api.invalid',
      fetch: (request: Request) => this.send(request),
      querySerializer: { array: { style: 'form', explode: false } },
    });
  }

  /** Where the account is, as far as the client was told. */
  get shardId(): ShardId {
    return this.shard;
  }

  /** The key as it is to be saved. */
  get apiKey(): string {
    return formatApiKey(this.key);
  }

  /** Sends any request to the account's shard. */
  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    return this.send(new Request(new URL(path, 'https://api.invalid'), init));
  }

  /** Calls `listener` when the account has moved; what it gives takes that back. */
  onMoved(listener: (event: MovedEvent) => void): () => void {
    const heard = (event: Event) => event instanceof MovedEvent && listener(event);
    this.addEventListener('moved', heard);
    return () => this.removeEventListener('moved', heard);
  }

  private get key(): ApiKey {
    return { secret: this.secret, shardId: this.shard };
  }

  private async send(request: Request): Promise<Response> {
    const body = request.body === null ? undefined : await request.arrayBuffer();
    const headers = new Headers(request.headers);
    // However often it is sent: the server carries it out once.
    if (request.method === 'POST' && !headers.has('idempotency-key'))
      headers.set('idempotency-key', crypto.randomUUID());
    const asked = this.shard;
    const answer = await this.patiently(asked, request, headers, body);
    const to = await this.whereTo(asked, answer);
    if (to === undefined) return answer;
    await answer.body?.cancel();
    this.move(to);
    return this.patiently(to, request, headers, body);
  }

  /** Sends a request again as long as it is told to wait. */
  private async patiently(
    shardId: ShardId,
    request: Request,
    headers: Headers,
    body: ArrayBuffer | undefined,
  ): Promise<Response> {
    const { retries = RETRIES, longestWaitMs = LONGEST_WAIT_MS } = this.options;
    for (let sent = 0; ; sent++) {
      const answer = await this.once(shardId, request, headers, body);
      if (!RETRIED.includes(answer.status) || sent >= retries) return answer;
      const wait = retryAfterMs(answer.headers.get('retry-after')) ?? WAIT_UNLESS_TOLD_MS;
      if (wait > longestWaitMs) return answer;
      await answer.body?.cancel();
      await pause(wait, request.signal);
    }
  }

  private once(
    shardId: ShardId,
    { url, method, signal }: Request,
    given: Headers,
    body: ArrayBuffer | undefined,
  ): Promise<Response> {
    const { pathname, search } = new URL(url);
    const headers = new Headers(given);
    headers.set('authorization', basicAuthorization({ secret: this.secret, shardId }));
    headers.set('user-agent', this.userAgent);
    if (!headers.has('accept')) headers.set('accept', 'application/json');
    const send = this.options.fetch ?? fetch;
    return send(this.urlOf(shardId) + pathname + search, {
      method,
      headers,
      signal,
      redirect: 'manual', // a key is sent to no host that an answer names, only to shards
      ...(body !== undefined && { body }),
    });
  }

  private urlOf(shardId: ShardId): string {
    const { apiUrlOf, domain = DEFAULT_DOMAIN, address } = this.options;
    return apiUrlOf ? apiUrlOf(shardId) : apiUrl(shardId, domain, address);
  }

  /** The shard to which an answer of the one that was asked sends on; undefined when it sends nobody on, or back to itself. */
  private async whereTo(asked: ShardId, answer: Response): Promise<ShardId | undefined> {
    const redirected = MOVED.includes(answer.status);
    if (!redirected && answer.status !== 401) return undefined;
    const named = answer.headers.get('caregate-shard') ?? '';
    const shard = isShardId(named)
      ? named
      : redirected
        ? this.shardIn(answer.headers.get('location'))
        : await this.shardNamedIn(answer);
    return shard === asked ? undefined : shard;
  }

  private shardIn(location: string | null): ShardId | undefined {
    if (location === null || !URL.canParse(location)) return undefined;
    const host = parseHost(new URL(location).host, this.options.domain ?? DEFAULT_DOMAIN);
    return host.kind === 'api' || host.kind === 'account' ? host.shardId : undefined;
  }

  /** The message of a 401 names the right host where there is one. */
  private async shardNamedIn(answer: Response): Promise<ShardId | undefined> {
    const text = await answer.clone().text();
    const [, shard = ''] = /\bapi\.([a-z]{2}[0-9]{1,2})\./.exec(text) ?? [];
    return isShardId(shard) ? shard : undefined;
  }

  private move(to: ShardId): void {
    const from = this.shard;
    if (from === to) return;
    this.shard = to;
    this.dispatchEvent(new MovedEvent(from, to, this.apiKey));
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}
