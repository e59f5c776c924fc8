import { type ClientSession, type mongo, Types } from 'mongoose';
import { addToCounts, readCounts, stripesOf, waitIfAsked } from './counts.ts';
import type { ClinicDocument, Site } from './documents.ts';
import type { ClinicModels } from './models.ts';
import { refreshSheets } from './sheets.ts';

/**
 * Tags and sites on many patients at once, with the counts and sheets that follow: each runs in the caller's transaction and gives how many
 * patients it changed. What takes a group away for good also needs `holdPatientWrites`, or a patient could come into it meanwhile.
 */
export interface GroupWrites {
  readonly models: Pick<ClinicModels, 'patients' | 'sheets' | 'clinicCounts'>;
  readonly session: ClientSession;
  readonly clinicId: Types.ObjectId;
}

/** Puts a tag on these patients, or on all of the clinic; those that carry it already are left as they are. */
export async function assignTag(
  writes: GroupWrites,
  tag: Types.ObjectId,
  userIds?: readonly string[],
): Promise<number> {
  await waitIfAsked(writes.models, writes.session, writes.clinicId);
  const tagged = await updatePatients(writes, { ...among(userIds), tags: { $ne: tag } }, { $push: { tags: tag } });
  await count(writes, { [`tags.${tag.toHexString()}`]: tagged });
  return tagged;
}

/** Takes a tag from these patients, or from all of the clinic, also when the clinic itself has it no longer. */
export async function removeTag(
  writes: GroupWrites,
  tag: Types.ObjectId,
  userIds?: readonly string[],
): Promise<number> {
  await waitIfAsked(writes.models, writes.session, writes.clinicId);
  const removed = await updatePatients(writes, { ...among(userIds), tags: tag }, { $pull: { tags: tag } });
  await count(writes, { [`tags.${tag.toHexString()}`]: -removed });
  return removed;
}

/**
 * Tags that patients of a clinic carry and the clinic has no longer. Asked outside of a transaction, counts first: whatever is counted was
 * a tag of the clinic then, so one that is not now has been deleted.
 */
export async function orphanedTags(
  models: Pick<ClinicModels, 'clinics' | 'clinicCounts'>,
  clinicId: Types.ObjectId,
): Promise<Types.ObjectId[]> {
  const { tags } = await readCounts(models, clinicId);
  const clinic = await models.clinics
    .findOne({ _id: clinicId }, { patientTags: 1, lastDeletedPatientTag: 1 })
    .lean<Pick<ClinicDocument, 'patientTags' | 'lastDeletedPatientTag'>>();
  if (!clinic) return [];
  const carried = Object.entries(tags).flatMap(([tag, patients]) => (patients > 0 ? [tag] : []));
  const deleted = clinic.lastDeletedPatientTag ? [clinic.lastDeletedPatientTag._id.toHexString()] : [];
  const kept = new Set(clinic.patientTags.map(({ _id }) => _id.toHexString()));
  return [...new Set([...carried, ...deleted])].filter((tag) => !kept.has(tag)).map((tag) => new Types.ObjectId(tag));
}

/** Puts the patients that carry a tag into a site instead. The site is new: nobody is in it yet. */
export async function turnTagIntoSite(writes: GroupWrites, tag: Types.ObjectId, site: Site): Promise<number> {
  const moved = await updatePatients(writes, { tags: tag }, { $pull: { tags: tag }, $push: { sites: site } });
  await count(writes, { [`tags.${tag.toHexString()}`]: -moved, [`sites.${site._id.toHexString()}`]: moved });
  return moved;
}

/** Gives a site its new name on every patient of it. */
export function renameSite(writes: GroupWrites, { _id, name }: Site): Promise<number> {
  // Names of sites are not on the sheets.
  return writePatients(writes, { 'sites._id': _id }, { $set: { 'sites.$[site].name': name } }, [{ 'site._id': _id }]);
}

/** Takes a site from every patient of it. */
export async function removeSite(writes: GroupWrites, siteId: Types.ObjectId): Promise<number> {
  const removed = await updatePatients(writes, { 'sites._id': siteId }, { $pull: { sites: { _id: siteId } } });
  await count(writes, { [`sites.${siteId.toHexString()}`]: -removed });
  return removed;
}

/** Moves every patient of a site to another; those of both stay there once. */
export async function moveSite(writes: GroupWrites, from: Types.ObjectId, to: Site): Promise<number> {
  const inFromOnly = { $and: [{ 'sites._id': from }, { 'sites._id': { $ne: to._id } }] };
  const moved = await updatePatients(writes, inFromOnly, { $set: { 'sites.$[site]': to } }, [{ 'site._id': from }]);
  const left = await updatePatients(writes, { 'sites._id': from }, { $pull: { sites: { _id: from } } });
  await count(writes, { [`sites.${from.toHexString()}`]: -(moved + left), [`sites.${to._id.toHexString()}`]: moved });
  return moved + left;
}

/**
 * Drops the counts of groups that no patient is in any more, in every stripe. Under `holdPatientWrites`, which has the stripes anyway;
 * otherwise the parts of a sum of nothing would pile up as groups come and go.
 */
export async function forgetCounts(
  { models, session, clinicId }: GroupWrites,
  paths: readonly string[],
): Promise<void> {
  await models.clinicCounts.collection.updateMany(
    stripesOf(clinicId),
    { $unset: Object.fromEntries(paths.map((path) => [path, 1])) },
    { session },
  );
}

type Change = Partial<Record<'$push' | '$pull' | '$set', Record<string, unknown>>>;

const among = (userIds: readonly string[] | undefined) => (userIds ? { userId: { $in: [...userIds] } } : {});

async function updatePatients(
  writes: GroupWrites,
  which: object,
  change: Change,
  arrayFilters?: mongo.Document[],
): Promise<number> {
  const { models, session, clinicId } = writes;
  const found = await models.patients.collection
    .find({ clinicId, ...which }, { session, projection: { _id: 1 } })
    .batchSize(10_000)
    .toArray();
  if (found.length === 0) return 0;
  const _id = { $in: found.map((patient) => patient._id) };
  const changed = await writePatients(writes, { _id }, change, arrayFilters);
  await refreshSheets(models, session, { _id }, 'people');
  return changed;
}

async function writePatients(
  { models, session, clinicId }: GroupWrites,
  which: object,
  change: Change,
  arrayFilters?: mongo.Document[],
): Promise<number> {
  const { modifiedCount } = await models.patients.collection.updateMany(
    { clinicId, ...which },
    // The driver's type for native collections knows no fields, so it takes none for an array.
    { ...change, $set: { ...change.$set, updatedTime: new Date() } } as mongo.UpdateFilter<mongo.Document>,
    { session, ...(arrayFilters && { arrayFilters }) },
  );
  return modifiedCount;
}

function count({ models, session, clinicId }: GroupWrites, delta: Record<string, number>): Promise<void> {
  return addToCounts(models, session, clinicId, Object.fromEntries(Object.entries(delta).filter(([, by]) => by !== 0)));
}
