import type { PatientTag } from '@caregate/clinic-model';
import { Conflict, Unprocessable } from '@caregate/service';

export const MOST_TAGS = 50;

/** Tags are the same when they differ only in case and spaces (behaviour, "Patients"). */
export const tagKey = (name: string) => name.normalize('NFC').replace(/\s/g, '').toLowerCase();

/**
 * Says whether a clinic may have a tag of this name; `own` is the tag that is renamed.
 * @throws {Conflict} when another tag has it
 */
export function assertNameIsFree(tags: readonly PatientTag[], name: string, own?: PatientTag): void {
  const taken = tags.some((tag) => tag !== own && tagKey(tag.name) === tagKey(name));
  if (taken) throw new Conflict('duplicate patient tag: another tag of the clinic has this name');
}

/** @throws {Unprocessable} when the clinic has as many tags as it may have */
export function assertRoomForTag(tags: readonly PatientTag[]): void {
  if (tags.length >= MOST_TAGS) {
    throw new Unprocessable(
      `constraint violation: the clinic already has the maximum number of ${MOST_TAGS} patient tags`,
    );
  }
}
