export * from './client-example.ts';
export * from './clients.ts';
export * from './contracts.ts';
export * from './examples.ts';
export * from './openapi.ts';
export * from './operations.ts';
export * from './request-validation.ts';
export * from './response-validation.ts';
export type * from './types.ts';
