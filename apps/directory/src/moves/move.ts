import type { ShardId, Subdomain } from '@caregate/shard';

/** In this order; `cancelling` from any before `settling`. */
export type MovePhase =
  | 'preparing'
  | 'copying'
  | 'comparing'
  | 'catchingUp'
  | 'fencing'
  | 'settling'
  | 'waiting'
  | 'purging'
  | 'done'
  | 'cancelling'
  | 'cancelled';

export interface CollectionSize {
  readonly collection: string;
  readonly count: number;
  readonly late: boolean;
}

/** A move of an account, as it is recorded: whoever takes it up goes on from here. It holds no data of the account. */
export interface MoveDocument {
  readonly _id: string;
  readonly accountId: string;
  readonly subdomain: Subdomain;
  readonly from: ShardId;
  readonly to: ShardId;
  readonly phase: MovePhase;
  /** Until the account has moved or stays for good: an account has one such move at most. */
  readonly open?: true;
  /** Until there is nothing more to do. */
  readonly running?: true;
  readonly cancelWanted?: true;
  readonly collections: readonly CollectionSize[];
  /** What is copied next: a collection by its place, and where in it. */
  readonly cursor: { readonly collection: number; readonly after?: string };
  readonly copied: number;
  readonly copyingSince?: Date;
  /** Changes up to here are on the other shard. */
  readonly token?: string;
  readonly lagMs?: number;
  readonly fences: number;
  /** How often both sides did not agree. */
  readonly mismatches: number;
  readonly pausedMs: number;
  /** Whoever has the claim works at it, until the lease runs out. */
  readonly claim?: string;
  /** How often it was claimed; shards refuse what is asked for an earlier claim. */
  readonly claims?: number;
  readonly leaseUntil?: Date;
  readonly notBefore: Date;
  readonly failures: number;
  readonly fault?: string;
  readonly startedTime: Date;
  readonly updatedTime: Date;
  readonly movedTime?: Date;
  readonly history: readonly { readonly phase: MovePhase; readonly time: Date }[];
}

export const total = ({ collections }: Pick<MoveDocument, 'collections'>) =>
  collections.reduce((sum, { count }) => sum + count, 0);

/** What operators see of a move. */
export function moveView(move: MoveDocument, now = new Date()) {
  const { _id, accountId, subdomain, from, to, phase, lagMs, pausedMs, fault, startedTime, updatedTime, movedTime } =
    move;
  const secondsLeft = secondsOfCopyLeft(move, now);
  return {
    id: _id,
    accountId,
    subdomain,
    from,
    to,
    phase,
    moved: movedTime !== undefined,
    progress: {
      copied: move.copied,
      total: Math.max(total(move), move.copied),
      ...(lagMs !== undefined && { lagMs }),
      ...(secondsLeft !== undefined && { secondsLeft }),
      ...(pausedMs > 0 && { pausedMs: Math.round(pausedMs) }),
    },
    ...(fault !== undefined && { fault }),
    startedTime,
    updatedTime,
    ...(movedTime && { movedTime }),
  };
}

function secondsOfCopyLeft(move: MoveDocument, now: Date): number | undefined {
  if (move.phase !== 'copying' || !move.copyingSince || move.copied === 0) return undefined;
  const perDocument = (now.getTime() - move.copyingSince.getTime()) / move.copied;
  return Math.round((perDocument * Math.max(0, total(move) - move.copied)) / 1000);
}
