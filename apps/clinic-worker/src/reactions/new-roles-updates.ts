import type { ChangeEvent } from '@caregate/change-events';
import { type ClinicianDocument, identified, type IdentifiedRolesUpdate } from '@caregate/clinic-model';

const FRESH_MS = 3_600_000;

/**
 * The changes of roles that an event may be about: those that were made shortly before it or later, as the clinician's record has them.
 * The record may show changes of later events too; each is named by its own id, so it is told once, whichever event comes first.
 */
export function newRolesUpdates(
  { clusterTime, changedSince }: Pick<ChangeEvent, 'clusterTime' | 'changedSince'>,
  { rolesUpdates = [] }: Pick<Partial<ClinicianDocument>, 'rolesUpdates'>,
): IdentifiedRolesUpdate[] {
  const from = changedSince?.getTime() ?? (clusterTime?.time.getTime() ?? Number.POSITIVE_INFINITY) - FRESH_MS;
  return identified(rolesUpdates).filter(({ time }) => time instanceof Date && time.getTime() > from);
}
