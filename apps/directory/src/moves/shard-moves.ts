import { Inject, Injectable } from '@nestjs/common';
import { CONFIG } from '@caregate/service';
import { apiHost, type ShardId } from '@caregate/shard';
import { request } from 'undici';
import type { DirectoryConfig } from '../config.ts';
import { ShardsService } from '../shards/shards.service.ts';
import type { CollectionSize } from './move.ts';

const TIMEOUT_MS = 20_000;

/** A shard said no: 409 and 404 are about the account, others may pass. The message holds ids only. */
export class ShardRefused extends Error {
  override readonly name = 'ShardRefused';
  constructor(
    readonly shard: ShardId,
    readonly status: number,
    reason: string,
  ) {
    super(`shard ${shard} says: ${reason}`);
  }
}

export interface Departure {
  readonly account: object;
  readonly token: string;
  readonly collections: readonly CollectionSize[];
}

/** Documents on their way: the text is carried as it is. */
export interface DocumentsPage {
  readonly batch: string;
  readonly count: number;
  readonly next?: string;
}

export interface Touched {
  readonly collection: string;
  readonly id: string;
}

export interface ChangesPage {
  readonly batch: string;
  readonly count: number;
  readonly token: string;
  readonly caughtUp: boolean;
  readonly drained?: string;
  readonly lagMs?: number;
  readonly touched: readonly Touched[];
}

export interface Fingerprints {
  readonly documents: readonly { readonly id: string; readonly hash: string }[];
  readonly next?: string;
  readonly count?: number;
}

export interface FingerprintsWanted {
  readonly collection: string;
  readonly ids?: readonly string[];
  readonly after?: string | undefined;
  readonly until?: string | undefined;
  readonly counted?: boolean;
}

export interface Progress {
  readonly done: boolean;
  readonly deleted: number;
}

/** What the directory asks of shards to move an account; each can be repeated. */
@Injectable()
export class ShardMoves {
  constructor(
    private readonly shards: ShardsService,
    @Inject(CONFIG) private readonly config: DirectoryConfig,
  ) {}

  beginDeparture(shard: ShardId, accountId: string, moveId: string): Promise<Departure> {
    return this.ask(shard, 'POST', accountId, '/departure', { moveId });
  }

  cancelDeparture(shard: ShardId, accountId: string, moveId: string): Promise<void> {
    return this.ask(shard, 'DELETE', accountId, `/departure?moveId=${moveId}`);
  }

  documents(shard: ShardId, accountId: string, collection: string, after: string | undefined): Promise<DocumentsPage> {
    const place = after === undefined ? '' : `&after=${after}`;
    return this.ask(shard, 'GET', accountId, `/departure/documents?collection=${collection}${place}`);
  }

  changes(shard: ShardId, accountId: string, after: string, lateOnly = false): Promise<ChangesPage> {
    return this.ask(shard, 'GET', accountId, `/departure/changes?after=${after}&lateOnly=${lateOnly}`);
  }

  fingerprints(shard: ShardId, accountId: string, wanted: FingerprintsWanted): Promise<Fingerprints> {
    return this.ask(shard, 'POST', accountId, '/fingerprints', wanted);
  }

  fence(
    shard: ShardId,
    accountId: string,
    fence: { moveId: string; fenceId: string; forMs: number; withinMs: number },
  ): Promise<void> {
    return this.ask(shard, 'POST', accountId, '/departure/fence', fence);
  }

  seal(shard: ShardId, accountId: string, fence: { moveId: string; fenceId: string }): Promise<void> {
    return this.ask(shard, 'POST', accountId, '/departure/seal', fence);
  }

  /** Tells the shard that the account left where it is now. */
  complete(shard: ShardId, accountId: string, to: ShardId, subdomain: string, moveId: string): Promise<void> {
    const urls = this.shards.urlsOf(to, subdomain);
    return this.ask(shard, 'POST', accountId, '/departure/completion', {
      moveId,
      shard: to,
      accountUrl: urls.account,
      apiUrl: urls.api,
    });
  }

  purge(shard: ShardId, accountId: string, moveId: string): Promise<Progress> {
    return this.ask(shard, 'POST', accountId, '/departure/purge', { moveId });
  }

  beginArrival(
    shard: ShardId,
    accountId: string,
    moveId: string,
    account: object,
  ): Promise<{ ready: boolean; leftOver?: string }> {
    return this.ask(shard, 'PUT', accountId, '/arrival', { moveId, account });
  }

  bring(shard: ShardId, accountId: string, moveId: string, batch: string): Promise<void> {
    return this.ask(shard, 'POST', accountId, '/arrival/batches', { moveId, batch });
  }

  activate(shard: ShardId, accountId: string, moveId: string): Promise<void> {
    return this.ask(shard, 'POST', accountId, '/arrival/activation', { moveId });
  }

  cancelArrival(shard: ShardId, accountId: string, moveId: string): Promise<Progress> {
    return this.ask(shard, 'DELETE', accountId, `/arrival?moveId=${moveId}`);
  }

  /** @throws {ShardRefused} and errors of the network */
  private async ask<T>(
    shardId: ShardId,
    method: 'GET' | 'PUT' | 'POST' | 'DELETE',
    accountId: string,
    path: string,
    body?: unknown,
  ): Promise<T> {
    const shard = this.shards.find(shardId);
    if (!shard) throw new Error(`shard ${shardId} is not listed any more`);
    const answer = await request(new URL(`/caregate/v1/accounts/${accountId}${path}`, shard.apiUrl), {
      method,
      headers: {
        host: apiHost(shardId, this.config.DOMAIN),
        authorization: `Bearer ${this.config.PROVISIONING_SECRET}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await answer.body.text();
    if (answer.statusCode >= 300) throw new ShardRefused(shardId, answer.statusCode, reasonIn(text));
    return (text === '' ? undefined : JSON.parse(text)) as T; // as the account contract says
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
