import { createRequire } from 'node:module';

interface Role {
  readonly role: string;
  readonly db: string;
}

interface DatabaseUsers {
  rolesOf(databases: { clinic: string; gatekeeper: string; directory: string }): Record<string, Role[]>;
  usersOf(shards: readonly string[], secret: string): { user: string; pwd: string; roles: Role[] }[];
}

/** The users that the compose file's MongoDB has. */
export const databaseUsers = createRequire(import.meta.url)('../../../deploy/mongo/roles.cjs') as DatabaseUsers; // as the file says
