export * from './shard-id.ts';
