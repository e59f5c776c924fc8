import type { ChangedClinician, ChangeEvent } from '@caregate/change-events';
import type { RolesUpdate } from '@caregate/clinic-model';

const FRESH_MS = 3_600_000;

/**
 * The changes of roles that this event brought, with their place in the clinician's list of all of them, which names each for good.
 * An event may show changes of later events too, for the document is looked up after the update; then each is still named the same.
 * Without a pre-image it is not known what was there before: then only what is recent counts.
 */
export function newRolesUpdates(
  event: ChangeEvent<ChangedClinician>,
): { readonly index: number; readonly update: RolesUpdate }[] {
  const after = event.fullDocument?.rolesUpdates ?? [];
  const numbered = after.map((update, index) => ({ index, update }));
  const before = event.fullDocumentBeforeChange?.rolesUpdates?.length;
  if (event.fullDocumentBeforeChange) return numbered.slice(before ?? 0);
  const changedTime = event.clusterTime?.time.getTime() ?? Number.POSITIVE_INFINITY;
  return numbered.slice(-1).filter(({ update }) => update.time.getTime() > changedTime - FRESH_MS);
}
