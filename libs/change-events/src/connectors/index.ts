export * from './definition.ts';
export * from './pipeline.ts';
