import type { mongo, Types } from 'mongoose';

/** Keeps writers out of an account that is about to move. It lifts by itself after `until`, unless it was sealed before. */
export interface Fence {
  readonly id: string;
  readonly moveId: string;
  readonly until: Date;
  /** All copies of all apps have stopped writing: the change stream shows every accepted write before this. */
  readonly drained?: boolean;
  /** From here on only the move itself lifts it: the directory is about to say that the account lives elsewhere. */
  readonly sealed?: boolean;
}

/** What stays of an account that lives on another shard now. */
export interface Moved {
  readonly moveId: string;
  readonly shard: string;
  /** Base addresses there, without a slash at their ends. */
  readonly accountUrl: string;
  readonly apiUrl: string;
  readonly time: Date;
  /** SHA-256 of its API keys' secrets, and its clinics, so that who asks for them is told where they are. */
  readonly keys: readonly string[];
  readonly clinics: readonly Types.ObjectId[];
  /** All that was the account's has been deleted here. */
  readonly purged?: boolean;
}

/** How an account came here. */
export interface Arrived {
  readonly moveId: string;
  /** Changes of its documents up to here were made by the move: nothing is to react to them. */
  readonly through: mongo.Timestamp;
  readonly time: Date;
}

/** An account on its way here, which nobody sees yet. */
export interface ArrivalDocument {
  readonly _id: string;
  readonly moveId: string;
  readonly account: {
    readonly subdomain: string;
    readonly name: string;
    readonly ownerUserId: string;
    readonly createdTime: Date;
  };
  /** Raised by each batch, so that none slips in as the account is activated or given up. */
  readonly turn: number;
  readonly closed?: boolean;
}

/** How often a move has been claimed, as far as this shard was told. */
export interface MoveClaimDocument {
  readonly _id: string;
  readonly claim: number;
  readonly time: Date;
}

export const MOVE_CLAIMS = 'move_claims';
export const ARRIVALS = 'account_arrivals';
/** Which users a move has brought: `<moveId>/<userId>`. */
export const ARRIVED_USERS = 'arrived_users';
/** The running copies of the apps that write, and which notices each has followed. */
export const WRITERS = 'writers';
