export * from './topics.ts';
export * from './topic-owner.ts';
export * from './envelope.ts';
export * from './connectors/index.ts';
export * from './runtime/index.ts';
export * from './kafka-address.ts';
export * from './settings.ts';
