export * from './identity-service.ts';
export * from './identity.module.ts';
export { HttpIdentity } from './http/http-identity.ts';
export { LocalIdentity, prepareLocalIdentity } from './local/local-identity.ts';
export { USER_EVENTS } from './local/user-events.ts';
export { SharingRepository } from './local/sharing.repository.ts';
export { hashPassword, isPasswordHash, LONGEST_PASSWORD, SHORTEST_PASSWORD } from './passwords.ts';
export { type IdentityConfig, identitySettings } from './settings.ts';
export * from './user-id.ts';
