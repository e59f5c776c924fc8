export * from './connect-client.ts';
export * from './connector-owner.ts';
export * from './definition.ts';
export * from './permission-replicas.ts';
export * from './pipeline.ts';
export { putPoisonAside } from './poisoned-sink.ts';
export * from './reconciler.ts';
export * from './user-events-source.ts';
export * from './worker-sources.ts';
