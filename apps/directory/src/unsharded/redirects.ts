import { Unauthorized } from '@caregate/service';
import { InvalidApiKey, parseApiKey, type ShardId } from '@caregate/shard';

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
  const [, credentials] = /^basic +(.+)$/i.exec(authorization ?? '') ?? [];
  if (credentials === undefined) return defaultShard;
  const [key = ''] = Buffer.from(credentials, 'base64').toString('utf8').split(':');
  try {
    return parseApiKey(key, shards).shardId ?? defaultShard;
  } catch (error) {
    if (error instanceof InvalidApiKey) throw new Unauthorized(error.message);
    throw error;
  }
}

export { redirectStatus, sameAt } from '@caregate/service';
