import { Inject, Injectable } from '@nestjs/common';
import { type DirectoryGrant, signDirectoryToken } from '@caregate/identity/directory-token';
import { CONFIG } from '@caregate/service';
import { apiHost, type ShardId } from '@caregate/shard';
import { request } from 'undici';
import type { DirectoryConfig } from '../config.ts';
import { ShardsService } from './shards.service.ts';

export interface ShardRequest extends DirectoryGrant {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  readonly timeoutMs: number;
}

/** Asks shards as the directory. Each request has a token of its own, good for just this operation, account and move on this shard. */
@Injectable()
export class ShardRequests {
  constructor(
    private readonly shards: ShardsService,
    @Inject(CONFIG) private readonly config: DirectoryConfig,
  ) {}

  tokenFor(shardId: ShardId, grant: DirectoryGrant): Promise<string> {
    return signDirectoryToken(this.config.DIRECTORY_SIGNING_KEY, shardId, grant);
  }

  /** @throws {Error} when the shard is not listed, and errors of the network */
  async send(shardId: ShardId, { method, path, body, timeoutMs, ...grant }: ShardRequest) {
    const shard = this.shards.find(shardId);
    if (!shard) throw new Error(`shard ${shardId} is not listed any more`);
    const answer = await request(new URL(path, shard.apiUrl), {
      method,
      headers: {
        // The address is an internal one; the name is what the shard answers to.
        host: apiHost(shardId, this.config.DOMAIN),
        authorization: `Bearer ${await this.tokenFor(shardId, grant)}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    return { status: answer.statusCode, text: await answer.body.text() };
  }
}

/** Why a shard refused, as its answer says. */
export function reasonIn(text: string): string {
  try {
    const { message } = JSON.parse(text);
    return typeof message === 'string' ? message : 'no reason was given';
  } catch {
    return 'no reason was given';
  }
}
