export * from './config.ts';
export * from './error-filter.ts';
export * from './errors.ts';
export * from './health.ts';
export * from './log.ts';
export * from './metrics.ts';
export * from './mongo.module.ts';
export * from './run-app.ts';
