export * from './api-key.ts';
export * from './hosts.ts';
export { DEFAULT_SHARD, InvalidShardId, isShardId, parseShardId, type ShardId } from './shard-id.ts';
export * from './subdomain.ts';
