import type { AccountId } from '@caregate/clinic-model';
import type { Principal, UserId } from '@caregate/identity';
import type { DirectoryGrant } from '@caregate/identity/directory-token';

/** Who sent a request. An API key speaks for its account; `userId` is the person who made it. */
export type Caller =
  | { readonly kind: 'nobody' }
  | Principal
  | { readonly kind: 'apiKey'; readonly accountId: AccountId; readonly keyId: string; readonly userId: UserId }
  | ({ readonly kind: 'directory' } & DirectoryGrant);

/** How a caller is written into audit entries, tombstones and logs: a kind and an id, never a secret. */
export function callerName(caller: Caller): string {
  switch (caller.kind) {
    case 'user':
      return caller.userId;
    case 'service':
      return `service:${caller.name}`;
    case 'apiKey':
      return `key:${caller.keyId}`;
    default:
      return caller.kind;
  }
}

/** The user that a caller acts as: the person, or for an API key the person who made it. */
export function actingUser(caller: Caller): UserId | undefined {
  return caller.kind === 'user' || caller.kind === 'apiKey' ? caller.userId : undefined;
}
