declare const brand: unique symbol;

/** The id of a shard: two letters and one or two digits, lower case, such as `au1`. */
export type ShardId = string & { readonly [brand]: 'ShardId' };

/** Keys of the time before shards carry no suffix; they all belong here (source "Sharding", section "Older API keys"). */
// The constant is a valid id by inspection.
export const DEFAULT_SHARD = 'au1' as ShardId;

/** Says whether a text is written as a shard id. It does not say whether such a shard exists. */
export function isShardId(text: string): text is ShardId {
  return /^[a-z]{2}[0-9]{1,2}$/.test(text);
}
