import { Injectable } from '@nestjs/common';
import type { ShardId } from '@caregate/shard';
import { reasonIn, ShardRequests } from '../shards/shard-requests.ts';
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
  readonly limit?: number;
  readonly counted?: boolean;
}

export interface Progress {
  readonly done: boolean;
  readonly deleted: number;
}

/** The move that a shard is asked to do something for. */
export interface OfMove {
  readonly accountId: string;
  readonly moveId: string;
  /** Which claim of the move asks. */
  readonly claim: number;
}

/** What the directory asks of shards to move an account; each can be repeated. */
@Injectable()
export class ShardMoves {
  constructor(
    private readonly shards: ShardsService,
    private readonly requests: ShardRequests,
  ) {}

  claim(shard: ShardId, of: OfMove): Promise<void> {
    return this.ask(shard, of, 'ClaimMove', 'POST', '/move-claim', { moveId: of.moveId });
  }

  beginDeparture(shard: ShardId, of: OfMove): Promise<Departure> {
    return this.ask(shard, of, 'BeginDeparture', 'POST', '/departure', { moveId: of.moveId });
  }

  cancelDeparture(shard: ShardId, of: OfMove): Promise<void> {
    return this.ask(shard, of, 'CancelDeparture', 'DELETE', `/departure?moveId=${of.moveId}`);
  }

  documents(shard: ShardId, of: OfMove, collection: string, after: string | undefined): Promise<DocumentsPage> {
    const place = after === undefined ? '' : `&after=${after}`;
    return this.ask(shard, of, 'ExportDocuments', 'GET', `/departure/documents?collection=${collection}${place}`);
  }

  changes(shard: ShardId, of: OfMove, after: string, lateOnly = false): Promise<ChangesPage> {
    return this.ask(shard, of, 'ExportChanges', 'GET', `/departure/changes?after=${after}&lateOnly=${lateOnly}`);
  }

  fingerprints(shard: ShardId, of: OfMove, wanted: FingerprintsWanted): Promise<Fingerprints> {
    return this.ask(shard, of, 'FingerprintDocuments', 'POST', '/fingerprints', wanted);
  }

  fence(shard: ShardId, of: OfMove, fence: { fenceId: string; forMs: number; withinMs: number }): Promise<void> {
    return this.ask(shard, of, 'FenceAccount', 'POST', '/departure/fence', { moveId: of.moveId, ...fence });
  }

  seal(shard: ShardId, of: OfMove, fenceId: string): Promise<void> {
    return this.ask(shard, of, 'SealFence', 'POST', '/departure/seal', { moveId: of.moveId, fenceId });
  }

  /** Tells the shard that the account left where it is now. */
  complete(shard: ShardId, of: OfMove, to: ShardId, subdomain: string): Promise<void> {
    const urls = this.shards.urlsOf(to, subdomain);
    return this.ask(shard, of, 'CompleteDeparture', 'POST', '/departure/completion', {
      moveId: of.moveId,
      shard: to,
      accountUrl: urls.account,
      apiUrl: urls.api,
    });
  }

  purge(shard: ShardId, of: OfMove): Promise<Progress> {
    return this.ask(shard, of, 'PurgeDeparted', 'POST', '/departure/purge', { moveId: of.moveId });
  }

  beginArrival(shard: ShardId, of: OfMove, account: object): Promise<{ ready: boolean; leftOver?: string }> {
    return this.ask(shard, of, 'BeginArrival', 'PUT', '/arrival', { moveId: of.moveId, account });
  }

  bring(shard: ShardId, of: OfMove, batch: string): Promise<void> {
    return this.ask(shard, of, 'ImportBatch', 'POST', '/arrival/batches', { moveId: of.moveId, batch });
  }

  activate(shard: ShardId, of: OfMove): Promise<void> {
    return this.ask(shard, of, 'ActivateArrival', 'POST', '/arrival/activation', { moveId: of.moveId });
  }

  cancelArrival(shard: ShardId, of: OfMove): Promise<Progress> {
    return this.ask(shard, of, 'CancelArrival', 'DELETE', `/arrival?moveId=${of.moveId}`);
  }

  /** @throws {ShardRefused} and errors of the network */
  private async ask<T>(
    shard: ShardId,
    { accountId, moveId, claim }: OfMove,
    operationId: string,
    method: 'GET' | 'PUT' | 'POST' | 'DELETE',
    path: string,
    body?: unknown,
  ): Promise<T> {
    const { status, text } = await this.requests.send(shard, {
      ...{ operationId, accountId, moveId, claim, method, body, timeoutMs: TIMEOUT_MS },
      path: `/caregate/v1/accounts/${accountId}${path}`,
    });
    if (status >= 300) throw new ShardRefused(shard, status, reasonIn(text));
    return (text === '' ? undefined : JSON.parse(text)) as T; // as the account contract says
  }
}
