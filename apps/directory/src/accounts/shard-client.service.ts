import { Inject, Injectable } from '@nestjs/common';
import { CONFIG } from '@caregate/service';
import { apiHost, type ShardId } from '@caregate/shard';
import { request } from 'undici';
import type { DirectoryConfig } from '../config.ts';
import { ShardsService } from '../shards/shards.service.ts';
import type { AccountDocument, Pending } from './account.ts';

const TIMEOUT_MS = 4_000;

/** How a shard took an account: it has it, it will never take it (and says why), or it could not be asked. */
export type Provisioned =
  { outcome: 'done' } | { outcome: 'refused'; status: number; reason: string } | { outcome: 'failed'; fault: string };

/** The only statuses by which a shard says that it will not take an account; every other one may pass. */
const REFUSALS = [409, 422];

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
      if (statusCode < 300) return { outcome: 'done' };
      if (REFUSALS.includes(statusCode)) return { outcome: 'refused', status: statusCode, reason: reasonIn(text) };
      return { outcome: 'failed', fault: `it answered ${statusCode}` };
    } catch (error) {
      return { outcome: 'failed', fault: faultOf(error) };
    }
  }

  private put(shardId: ShardId, path: string, body: unknown) {
    const shard = this.shards.find(shardId);
    if (!shard) throw new Error('it is not listed any more');
    return request(new URL(path, shard.apiUrl), {
      method: 'PUT',
      headers: {
        // The address is an internal one; the name is what the shard answers to.
        host: apiHost(shardId, this.config.DOMAIN),
        authorization: `Bearer ${this.config.PROVISIONING_SECRET}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  }
}

function reasonIn(text: string): string {
  try {
    const { message } = JSON.parse(text);
    return typeof message === 'string' ? message : 'no reason was given';
  } catch {
    return 'no reason was given';
  }
}

/** Errors of the network name hosts and codes, and nothing of what was sent. */
function faultOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}
