export * from './identity-service.ts';
export * from './user-id.ts';
