import type { ShardId, Subdomain } from '@caregate/shard';

/** `placing` until the shard has taken it, `unconfirmed` until its owner has proven their address there; `moving` is for moves between shards. */
export type AccountState = 'placing' | 'unconfirmed' | 'active' | 'moving';

/** What the directory knows of an account for good: where it lives. */
export interface AccountDocument {
  _id: string;
  subdomain: Subdomain;
  region: string;
  shard: ShardId;
  state: AccountState;
  createdTime: Date;
  updatedTime: Date;
  /** What the shard is still to be told; gone as soon as it knows, since the directory holds no data of persons. */
  pending?: Pending;
  /** While it is unconfirmed: when the shard is to be asked about it next. */
  askTime?: Date;
  /** Recognises a repeated sign-up for a day; both are keyed hashes, which tell nothing without the secret. */
  repeat?: { key: string; body: string; until: Date };
}

/** Which accounts, and how many of them. */
export interface AccountsPage {
  readonly shard?: ShardId;
  readonly state?: AccountState;
  /** Those behind this subdomain. */
  readonly after?: Subdomain;
  readonly limit: number;
}

export interface Pending {
  name: string;
  owner: { email: string; fullName: string; passwordHash: string };
  /** Until then somebody is at it, or it is left alone before the next attempt. */
  until: Date;
  attempts: number;
}

export interface SignUp {
  readonly subdomain: string;
  readonly name: string;
  readonly region: string;
  readonly owner: { readonly email: string; readonly fullName: string; readonly password: string };
}
