import type { ClientSession, Connection, mongo } from 'mongoose';
import type { ArchiveDocument, ClinicDocument, ClinicianDocument, PatientDocument } from './documents.ts';
import { newObjectId } from './ids.ts';
import type { ClinicModels } from './models.ts';

/** Days for which is kept that a clinic, clinician or patient was deleted, when, and by whom, unless a setting says otherwise. */
export const DELETIONS_KEPT_DAYS = 90;

/** The collections of archives. */
export const ARCHIVES = ['clinics_deletions', 'clinicians_deletions', 'patients_deletions'] as const;

/** How long things are kept that an operator decides about. */
export interface Retention {
  readonly deletionsKeptDays: number;
  /** Entries of the audit; 0 for ever. */
  readonly auditKeptDays: number;
}

/** As long as it is kept what was mailed, which keys were revoked and which merges are done. */
export const ENDED_KEPT_DAYS = 400;
/** What is still written of a clinic after it was deleted: mails that waited, entries of what just ended. */
const WRITTEN_LATER_DAYS = 30;
/** The longest time that an index of MongoDB can have, 68 years. */
const FOR_EVER_DAYS = Math.floor((2 ** 31 - 1) / 86_400);

/**
 * Days that archives are kept. Only by a deleted clinic's archive one knows whose the rest of it is (its audit, its mails, who was deleted
 * in it), so that it moves, is exported and is purged with the account: this archive stays until all of that has gone.
 */
export function archivesKeptDays({ deletionsKeptDays, auditKeptDays }: Retention): Readonly<Record<string, number>> {
  const rest = Math.max(deletionsKeptDays, ENDED_KEPT_DAYS, auditKeptDays) + WRITTEN_LATER_DAYS;
  return {
    clinicians_deletions: deletionsKeptDays,
    patients_deletions: deletionsKeptDays,
    clinics_deletions: auditKeptDays === 0 ? FOR_EVER_DAYS : Math.min(rest, FOR_EVER_DAYS),
  };
}

type Deleted =
  | Pick<ClinicDocument, '_id' | 'accountId'>
  | Pick<ClinicianDocument, '_id' | 'clinicId' | 'userId'>
  | Pick<PatientDocument, '_id' | 'clinicId' | 'userId' | 'permissions' | 'summary' | 'dataSources'>;

/** What is kept of a document that is deleted now. */
export function archiveOf(deleted: Deleted, deletedBy: string): ArchiveDocument {
  return {
    _id: newObjectId(),
    documentId: deleted._id,
    clinicId: 'clinicId' in deleted ? deleted.clinicId : deleted._id,
    ...('accountId' in deleted && deleted.accountId !== undefined && { accountId: deleted.accountId }),
    ...('userId' in deleted && deleted.userId !== undefined && { userId: deleted.userId }),
    ...('permissions' in deleted && deleted.permissions.custodian !== undefined && { custodial: dataOf(deleted) }),
    deletedTime: new Date(),
    deletedBy,
  };
}

function dataOf({ summary = {}, dataSources = [] }: Pick<PatientDocument, 'summary' | 'dataSources'>) {
  return Object.keys(summary).length > 0 || dataSources.length > 0 ? 'with data' : 'without data';
}

/** Archives documents of one collection in the transaction that deletes them. */
export async function archive(
  archives: ClinicModels['patientArchives'],
  deleted: readonly Deleted[],
  deletedBy: string,
  session: ClientSession,
): Promise<void> {
  if (deleted.length === 0) return;
  await archives.collection.insertMany(
    deleted.map((each) => archiveOf(each, deletedBy)),
    { session },
  );
}

/** Small enough to hold up nobody. */
const STRIPPED_AT_ONCE = 500;

/**
 * Brings archives of earlier versions, which held whole documents, into today's form. Gives how many there were.
 * Can be repeated and run by several at once. It is repeated while the shard is served: an API of an earlier version may still write some.
 */
export async function stripArchives(connection: Connection): Promise<number> {
  let stripped = 0;
  for (const name of ARCHIVES) {
    const archives = connection.collection(name);
    for (;;) {
      const some = await archives
        .find(WHOLE, { projection: { _id: 1 } })
        .limit(STRIPPED_AT_ONCE)
        .toArray();
      if (some.length === 0) break;
      const _id = { $in: some.map((each) => each._id) };
      stripped += (await archives.updateMany({ _id, ...WHOLE }, IDS_ONLY)).modifiedCount;
    }
  }
  return stripped;
}

/** The index `of_earlier_versions` holds these only. */
const WHOLE = { 'document._id': { $exists: true } };

const IDS_ONLY: mongo.Document[] = [
  {
    $set: {
      documentId: '$document._id',
      clinicId: { $ifNull: ['$document.clinicId', '$document._id'] },
      accountId: '$document.accountId',
      userId: '$document.userId',
      custodial: {
        $switch: {
          branches: [
            { case: { $eq: [{ $type: '$document.permissions.custodian' }, 'missing'] }, then: '$$REMOVE' },
            { case: { $ne: [{ $ifNull: ['$document.summary', {}] }, {}] }, then: 'with data' },
            { case: { $ne: [{ $ifNull: ['$document.dataSources', []] }, []] }, then: 'with data' },
          ],
          default: 'without data',
        },
      },
    },
  },
  { $unset: 'document' },
];
