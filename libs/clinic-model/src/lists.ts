import type { ConnectionRequest, PatientDocument, RolesUpdate } from './documents.ts';
import { newObjectId } from './ids.ts';

/**
 * Lists that grow with use keep their newest entries only. What is told of an entry goes by the entry itself, its id or its time, and
 * never by its place in the list.
 */
/**
 * An email about each is owed, and made of the entry: one that is cut before that is never told. MAILS_PER_RECORD allows ten an hour, so this
 * is the better part of a day without a mail server; of a burst without that limit it is several minutes, longer than a lost worker's lease.
 */
const MOST_ROLES_UPDATES = 200;
const MOST_CONNECTION_REQUESTS = 10;

export type IdentifiedRolesUpdate = RolesUpdate & { readonly id: string };

/** Changes of roles with their ids. Those from before there were ids are named by their place, as they always were. */
export const identified = (updates: readonly RolesUpdate[]): IdentifiedRolesUpdate[] =>
  updates.map((update, place) => ({ ...update, id: update.id ?? String(place) }));

/** The newest changes of roles, with one more. */
export const withRolesUpdate = (
  updates: readonly RolesUpdate[] = [],
  update: Omit<RolesUpdate, 'id'>,
): IdentifiedRolesUpdate[] =>
  [...identified(updates), { id: newObjectId().toHexString(), ...update }].slice(-MOST_ROLES_UPDATES);

/** The newest requests of each provider, newest first, with one more. */
export function withConnectionRequest(
  requests: NonNullable<PatientDocument['connectionRequests']>,
  request: ConnectionRequest,
): NonNullable<PatientDocument['connectionRequests']> {
  const { providerName } = request;
  return {
    ...requests,
    [providerName]: [request, ...(requests[providerName] ?? [])].slice(0, MOST_CONNECTION_REQUESTS),
  };
}
