import { Inject, Injectable } from '@nestjs/common';
import { CaregateError, CONFIG, ServiceUnavailable } from '@caregate/service';
import { apiHost, type ShardId } from '@caregate/shard';
import { request } from 'undici';
import type { DirectoryConfig } from '../config.ts';
import { ShardsService } from '../shards/shards.service.ts';
import type { AccountDocument, Pending } from './account.ts';

const TIMEOUT_MS = 4_000;
const OPERATOR_TIMEOUT_MS = 20_000;

/** How a shard took an account: it has it, it will never take it (and says why), or it could not be asked. */
export type Provisioned =
  | { outcome: 'done'; state: 'unconfirmed' | 'active' }
  | { outcome: 'refused'; status: number; reason: string }
  | { outcome: 'failed'; fault: string };

/** The only statuses by which a shard says that it will not take an account; every other one may pass. */
const REFUSALS = [409, 422];

/** Below the account's own path at the shard. */
export interface AskedOfAccount {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
}

/** The refusals of a shard that are an operator's to know; others are a fault between the directory and the shard. */
const TOLD = [400, 404, 409, 422];

class ShardSays extends CaregateError {
  override readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = TOLD.includes(status) ? status : 503;
  }
}

/** Talks to the API of a shard as the directory. */
@Injectable()
export class ShardClient {
  constructor(
    private readonly shards: ShardsService,
    @Inject(CONFIG) private readonly config: DirectoryConfig,
  ) {}

  /** Tells a shard of an account. Can be repeated: the shard takes the same account once. */
  async provision({ _id, shard, subdomain }: AccountDocument, { name, owner }: Pending): Promise<Provisioned> {
    try {
      const { statusCode, body } = await this.put(shard, `/caregate/v1/accounts/${_id}`, { subdomain, name, owner });
      const text = await body.text();
      if (statusCode < 300) return { outcome: 'done', state: stateIn(text) };
      if (REFUSALS.includes(statusCode)) return { outcome: 'refused', status: statusCode, reason: reasonIn(text) };
      return { outcome: 'failed', fault: `it answered ${statusCode}` };
    } catch (error) {
      return { outcome: 'failed', fault: faultOf(error) };
    }
  }

  /** What a shard says of an account; undefined while it cannot be asked. */
  async stateOf({ _id, shard }: AccountDocument): Promise<'unconfirmed' | 'active' | 'gone' | undefined> {
    try {
      const { statusCode, body } = await this.send(shard, `/caregate/v1/accounts/${_id}`, {
        method: 'GET',
        body: undefined,
        timeoutMs: TIMEOUT_MS,
      });
      const text = await body.text();
      if (statusCode === 404) return 'gone';
      return statusCode < 300 ? stateIn(text) : undefined;
    } catch {
      return undefined;
    }
  }

  /**
   * Asks the shard where an account lives for something of the account, for an operator.
   * @throws {CaregateError} with what the shard says, or that it could not be asked
   */
  async ofAccount({ _id, shard }: Pick<AccountDocument, '_id' | 'shard'>, wanted: AskedOfAccount): Promise<unknown> {
    const { statusCode, body } = await this.send(shard, `/caregate/v1/accounts/${_id}${wanted.path}`, {
      method: wanted.method,
      body: wanted.body,
      timeoutMs: OPERATOR_TIMEOUT_MS,
    }).catch((error: unknown) => {
      throw new ServiceUnavailable(`shard ${shard} could not be asked (${faultOf(error)}); try again`);
    });
    const text = await body.text();
    if (statusCode < 300) return text === '' ? undefined : JSON.parse(text);
    throw new ShardSays(statusCode, `shard ${shard} says: ${reasonIn(text)}`);
  }

  private put(shardId: ShardId, path: string, body: unknown) {
    return this.send(shardId, path, { method: 'PUT', body, timeoutMs: TIMEOUT_MS });
  }

  private async send(
    shardId: ShardId,
    path: string,
    { method, body, timeoutMs }: { method: 'GET' | 'PUT' | 'DELETE'; body: unknown; timeoutMs: number },
  ) {
    const shard = this.shards.find(shardId);
    if (!shard) throw new Error('it is not listed any more');
    return request(new URL(path, shard.apiUrl), {
      method,
      headers: {
        // The address is an internal one; the name is what the shard answers to.
        host: apiHost(shardId, this.config.DOMAIN),
        authorization: `Bearer ${this.config.PROVISIONING_SECRET}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    });
  }
}

/** A shard's account is active or goes about its own affairs unless it says that nobody has confirmed it. */
const stateIn = (text: string) => (fieldIn(text, 'state') === 'unconfirmed' ? 'unconfirmed' : 'active');

const reasonIn = (text: string) => fieldIn(text, 'message') ?? 'no reason was given';

function fieldIn(text: string, name: 'state' | 'message'): string | undefined {
  try {
    const { [name]: value } = JSON.parse(text);
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Errors of the network name hosts and codes, and nothing of what was sent. */
function faultOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}
