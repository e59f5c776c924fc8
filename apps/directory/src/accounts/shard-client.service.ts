import { Injectable } from '@nestjs/common';
import { CaregateError, ServiceUnavailable } from '@caregate/service';
import { reasonIn, ShardRequests } from '../shards/shard-requests.ts';
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
  readonly operationId: string;
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
  constructor(private readonly shards: ShardRequests) {}

  /** Tells a shard of an account. Can be repeated: the shard takes the same account once. */
  async provision({ _id, shard, subdomain }: AccountDocument, { name, owner }: Pending): Promise<Provisioned> {
    try {
      const { status, text } = await this.shards.send(shard, {
        operationId: 'ProvisionAccount',
        accountId: _id,
        method: 'PUT',
        path: `/caregate/v1/accounts/${_id}`,
        body: { subdomain, name, owner },
        timeoutMs: TIMEOUT_MS,
      });
      if (status < 300) return { outcome: 'done', state: stateIn(text) };
      if (REFUSALS.includes(status)) return { outcome: 'refused', status, reason: reasonIn(text) };
      return { outcome: 'failed', fault: `it answered ${status}` };
    } catch (error) {
      return { outcome: 'failed', fault: faultOf(error) };
    }
  }

  /** What a shard says of an account; undefined while it cannot be asked. */
  async stateOf({ _id, shard }: AccountDocument): Promise<'unconfirmed' | 'active' | 'gone' | undefined> {
    try {
      const { status, text } = await this.shards.send(shard, {
        operationId: 'GetAccount',
        accountId: _id,
        method: 'GET',
        path: `/caregate/v1/accounts/${_id}`,
        timeoutMs: TIMEOUT_MS,
      });
      if (status === 404) return 'gone';
      return status < 300 ? stateIn(text) : undefined;
    } catch {
      return undefined;
    }
  }

  /**
   * Asks the shard where an account lives for something of the account, for an operator.
   * @throws {CaregateError} with what the shard says, or that it could not be asked
   */
  async ofAccount(
    { _id, shard }: Pick<AccountDocument, '_id' | 'shard'>,
    { path, ...wanted }: AskedOfAccount,
  ): Promise<unknown> {
    const { status, text } = await this.shards
      .send(shard, {
        ...wanted,
        accountId: _id,
        path: `/caregate/v1/accounts/${_id}${path}`,
        timeoutMs: OPERATOR_TIMEOUT_MS,
      })
      .catch((error: unknown) => {
        throw new ServiceUnavailable(`shard ${shard} could not be asked (${faultOf(error)}); try again`);
      });
    if (status < 300) return text === '' ? undefined : JSON.parse(text);
    throw new ShardSays(status, `shard ${shard} says: ${reasonIn(text)}`);
  }
}

/** A shard's account is active or goes about its own affairs unless it says that nobody has confirmed it. */
function stateIn(text: string): 'unconfirmed' | 'active' {
  try {
    const { state } = JSON.parse(text);
    return state === 'unconfirmed' ? state : 'active';
  } catch {
    return 'active';
  }
}

/** Errors of the network name hosts and codes, and nothing of what was sent. */
function faultOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}
