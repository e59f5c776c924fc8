import { isDeepStrictEqual } from 'node:util';
import type { Permissions } from '@caregate/identity';

/** What somebody may do who has got permissions in several ways: everything that any of the ways gives. */
export function united(sets: readonly Permissions[]): Permissions {
  return Object.assign({}, ...sets) as Permissions; // of permission sets only
}

export const isEmpty = (permissions: Permissions) => Object.keys(permissions).length === 0;

export const samePermissions = (one: Permissions, other: Permissions) => isDeepStrictEqual(one, other);

/** What a user may do with their own data. */
export const OWN: Permissions = { root: {} };

/** Of what a caller sends, that which can be shared: `root` is the user's own, and services that send it mean nothing by it. */
export function shareable({ root: _root, ...permissions }: Permissions): Permissions {
  return permissions;
}

/** Whether somebody who has these permissions for a user may set what the user shares with another, or with themselves. */
export const mayShare = (held: Permissions, { leaves }: { readonly leaves: boolean }) =>
  looksAfter(held) || (leaves && !isEmpty(held));

/** These permissions also let their holder read and change with whom the user shares. */
export const looksAfter = (permissions: Permissions) => 'admin' in permissions || 'custodian' in permissions;
