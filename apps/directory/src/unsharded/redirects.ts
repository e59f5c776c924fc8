import { Unauthorized } from '@caregate/service';
import { InvalidApiKey, parseApiKey, type ShardId } from '@caregate/shard';

/** The API key that a request brings, as it stands there. */
export function keySent(authorization: string | undefined): string | undefined {
  const [, credentials] = /^basic +(.+)$/i.exec(authorization ?? '') ?? [];
  return credentials === undefined ? undefined : Buffer.from(credentials, 'base64').toString('utf8').split(':')[0];
}

/**
 * The shard that a request to the unsharded API is meant for: that of its key's suffix, or the default one
 * (source "Sharding", section "Older API keys").
 * @throws {Unauthorized} when the key is malformed or names a shard that does not exist
 */
export function shardMeant(
  authorization: string | undefined,
  shards: readonly ShardId[],
  defaultShard: ShardId,
): ShardId {
  const key = keySent(authorization);
  if (key === undefined) return defaultShard;
  try {
    return parseApiKey(key, shards).shardId ?? defaultShard;
  } catch (error) {
    if (error instanceof InvalidApiKey) throw new Unauthorized(error.message);
    throw error;
  }
}

export { redirectStatus, sameAt } from '@caregate/service';
