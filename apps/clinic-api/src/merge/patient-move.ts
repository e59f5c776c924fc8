import {
  type ClinicDocument,
  type ClinicMergeDocument,
  countsDelta,
  type PatientDocument,
  type PatientSite,
  uniqueMrnIn,
} from '@caregate/clinic-model';
import type { Types } from 'mongoose';
import type { Rewritten } from './merge.repository.ts';

/** What moving some patients into the target of a merge comes to. */
export interface PatientMove {
  readonly rewritten: readonly Rewritten[];
  /** Records of the source whose patients are in the target too. */
  readonly removed: readonly PatientDocument[];
  readonly sourceDelta: Record<string, number>;
  readonly targetDelta: Record<string, number>;
}

/**
 * Moves patients of the source into the target. One who is there already stays as the target knows them, with the tags and sites of both.
 * Names of sites are those that the target has now; tags and sites that it has no longer are left out.
 */
export function moveOf(
  merge: Pick<ClinicMergeDocument, 'tags'>,
  target: ClinicDocument,
  patients: readonly PatientDocument[],
  known: readonly PatientDocument[],
): PatientMove {
  const translate = translation(merge, target);
  const inTarget = new Map(known.map((patient) => [patient.userId, patient]));
  const sourceDelta: Record<string, number> = {};
  const targetDelta: Record<string, number> = {};
  const rewritten: Rewritten[] = [];
  const removed: PatientDocument[] = [];
  for (const patient of patients) {
    const there = inTarget.get(patient.userId);
    const groups = translate(patient);
    const after = there
      ? unite(there, groups)
      : { clinicId: target._id, ...groups, ...uniqueMrnIn(target, patient.mrn) };
    rewritten.push({ before: there ?? patient, after });
    if (there) removed.push(patient);
    add(sourceDelta, countsDelta(patient, undefined, isNobody));
    add(targetDelta, countsDelta(there, { ...(there ?? patient), ...after }, isNobody));
  }
  return { rewritten, removed, sourceDelta, targetDelta };
}

/** The demo patient does not move. */
const isNobody = () => false;

interface Groups {
  readonly tags: readonly Types.ObjectId[];
  readonly sites: readonly PatientSite[];
}

function translation({ tags }: Pick<ClinicMergeDocument, 'tags'>, target: ClinicDocument): (patient: Groups) => Groups {
  const tagsThere = new Set(target.patientTags.map(({ _id }) => _id.toHexString()));
  const tagOf = new Map(
    tags.filter(({ to }) => tagsThere.has(to.toHexString())).map(({ from, to }) => [from.toHexString(), to]),
  );
  const siteOf = new Map(target.sites.map((site) => [site._id.toHexString(), site]));
  return (patient) => ({
    tags: patient.tags.flatMap((tag) => tagOf.get(tag.toHexString()) ?? []),
    sites: patient.sites.flatMap(({ _id }) => siteOf.get(_id.toHexString()) ?? []),
  });
}

function unite(there: PatientDocument, { tags, sites }: Groups): Rewritten['after'] {
  return {
    clinicId: there.clinicId,
    tags: [...there.tags, ...tags.filter((tag) => !there.tags.some((other) => other.equals(tag)))],
    sites: [...there.sites, ...sites.filter(({ _id }) => !there.sites.some((other) => other._id.equals(_id)))],
    ...(there.uniqueMrn !== undefined && { uniqueMrn: there.uniqueMrn }),
  };
}

function add(sum: Record<string, number>, delta: Readonly<Record<string, number>>): void {
  for (const [path, by] of Object.entries(delta)) sum[path] = (sum[path] ?? 0) + by;
}
