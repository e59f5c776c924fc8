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

/** A text that should have been a shard id, or that of a shard which exists. */
export class InvalidShardId extends Error {
  override readonly name = 'InvalidShardId';
}

/**
 * Reads a shard id as a person may have typed it: in any case, with spaces around.
 * @param knownShards where given, the shard must be one of them
 * @throws {InvalidShardId}
 */
export function parseShardId(text: string, knownShards?: Iterable<string>): ShardId {
  const id = toLowerAscii(trimAscii(text));
  if (!isShardId(id)) throw new InvalidShardId('a shard id has two letters and one or two digits, such as au1');
  if (knownShards && !new Set(knownShards).has(id)) throw new InvalidShardId(`there is no shard ${id}`);
  return id;
}

/** Only ASCII: `toLowerCase` would make a `k` of the Kelvin sign, which is not the letter that was asked for. */
export function toLowerAscii(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

export function trimAscii(text: string): string {
  return text.replace(/^[ \t\r\n]+/, '').replace(/[ \t\r\n]+$/, '');
}
