import { isDuplicateKey } from '@caregate/service/transaction';
import type { ClientSession, Types } from 'mongoose';
import {
  type CountedOn,
  countsDelta,
  countUpdate,
  countUpdateAsKnown,
  type KnownClinic,
  writeGivingWay,
} from './counts.ts';
import { archive } from './archives.ts';
import type { ClinicDocument, PatientDocument } from './documents.ts';
import type { ClinicModels } from './models.ts';
import { searchFields } from './search-text.ts';
import { changedOnSheets, goneFromSheets, newOnSheets, sheetChangesOf, writeOnSheets } from './sheets.ts';

/**
 * How to change patients so that counts and sheets stay true: each of these runs in the caller's transaction. They count first, for whoever
 * is to wait (`askPatientWritesToWait`) then does so before having touched the patient.
 */
export interface PatientWrites {
  readonly models: ClinicModels;
  readonly session: ClientSession;
  readonly isDemo: (userId: string) => boolean;
}

/** New values for some fields of a patient; a field that is undefined is taken away. Search fields follow by themselves. */
export type PatientChange = Partial<Omit<PatientDocument, '_id' | 'clinicId' | 'userId' | DerivedField>>;
type DerivedField = 'sortName' | 'searchText';

/** Adds a patient and counts it. A second one of the same user in the clinic breaks the unique index `patient`. */
export async function insertPatient(
  { models, session, isDemo }: PatientWrites,
  patient: PatientDocument,
  where: CountedOn = {},
): Promise<void> {
  const counted = countUpdate(patient.clinicId, countsDelta(undefined, patient, isDemo), where);
  await writeGivingWay(models, session, [...counted, ...newOnSheets(patient)]);
  await models.patients.collection.insertOne(patient, { session });
}

/**
 * As `insertPatient`, by what was read of the clinic before the transaction: saves reading it again.
 * False, and nothing done, when that is not sure to be still true.
 */
export async function insertPatientAsKnown(
  { models, session, isDemo }: PatientWrites,
  clinic: KnownClinic,
  patient: PatientDocument,
  stripe: number,
): Promise<boolean> {
  const counted = countUpdateAsKnown(clinic, countsDelta(undefined, patient, isDemo), stripe);
  const updates = [counted, ...newOnSheets(patient)];
  const written = await writeGivingWay(models, session, updates);
  if (written < updates.length) {
    await writeGivingWay(models, session, goneFromSheets([patient]));
    return false;
  }
  await models.patients.collection.insertOne(patient, { session });
  return true;
}

/** Replaces patients, of whatever clinics, by their changed selves and counts the difference. */
export async function replacePatients(
  { models, session, isDemo }: PatientWrites,
  changes: readonly { readonly before: PatientDocument; readonly after: PatientDocument }[],
): Promise<void> {
  if (changes.length === 0) return;
  await writeGivingWay(models, session, [
    ...changes.flatMap(({ before, after }) => countUpdate(before.clinicId, countsDelta(before, after, isDemo))),
    ...changedOnSheets(
      changes.map(({ after }) => after),
      'all',
    ),
  ]);
  await models.patients.collection.bulkWrite(
    changes.map(({ before: { _id }, after }) => ({ replaceOne: { filter: { _id }, replacement: after } })),
    { session, ordered: false },
  );
}

/**
 * Changes some fields of a patient, counts the difference, and gives the patient as it is then.
 * `before` must have been read in the same transaction: MongoDB then lets no other change come between.
 */
export async function changePatient(
  { models, session, isDemo }: PatientWrites,
  before: PatientDocument,
  change: PatientChange,
): Promise<PatientDocument> {
  const { $set, $unset } = updateOf(before, change);
  const after = { ...before, ...change, ...$set };
  const delta = countsDelta(before, after, isDemo);
  // An MRN is nothing that is counted, but who holds all patients back (`holdPatientWrites`) to look at their MRNs must meet this writer.
  if ('mrn' in change && change.mrn !== before.mrn) delta['turn'] = 1;
  const changes = sheetChangesOf(Object.keys({ ...change, ...$set }));
  const onSheets = changes === undefined ? [] : changedOnSheets([after], changes);
  await writeGivingWay(models, session, [...countUpdate(before.clinicId, delta), ...onSheets]);
  await models.patients.collection.updateOne(
    { _id: before._id },
    { ...(Object.keys($set).length > 0 && { $set }), ...(Object.keys($unset).length > 0 && { $unset }) },
    { session },
  );
  return after;
}

/** Which patient, and what of it must be as the writer takes it to be. Tags and sites may stand in any order. */
export interface PatientAsKnown {
  readonly clinicId: Types.ObjectId;
  readonly userId: string;
  readonly email: string | undefined;
  readonly mrn: string | undefined;
  readonly tags?: readonly Types.ObjectId[];
  readonly siteIds?: readonly Types.ObjectId[];
}

/** Fields that are neither counted nor subject to the clinic's rules. */
export type PlainChange = Pick<PatientDocument, 'fullName' | 'birthDate' | 'updatedTime'> &
  Pick<PatientChange, 'targetDevices' | 'glycemicRanges' | 'diagnosisType'>;

/**
 * Changes plain fields of a patient who is as known, without reading it first: most changes are such, and this is half the work.
 * Gives the patient as it is then, without its search fields; undefined, and nothing done, when there is none like that.
 */
export async function changeAsKnown(
  { models, session }: Pick<PatientWrites, 'models' | 'session'>,
  { clinicId, userId, email, mrn, tags, siteIds }: PatientAsKnown,
  change: PlainChange,
): Promise<PatientDocument | undefined> {
  const { $set, $unset } = updateOf(
    { ...(email !== undefined && { email }), ...(mrn !== undefined && { mrn }) },
    change,
  );
  const found = await models.patients.collection.findOneAndUpdate(
    // `null` stands for what is not there.
    {
      ...{ clinicId, userId, email: email ?? null, mrn: mrn ?? null },
      ...(tags && sameMembers('tags', 'tags', tags)),
      ...(siteIds && sameMembers('sites', 'sites._id', siteIds)),
    },
    { $set, ...(Object.keys($unset).length > 0 && { $unset }) },
    { session, hint: { clinicId: 1, userId: 1 }, returnDocument: 'after', projection: WITHOUT_SEARCH_FIELDS },
  );
  if (!found) return undefined;
  const after = found as unknown as PatientDocument; // what the collection holds, but for what is put back here
  const changes = sheetChangesOf(Object.keys({ ...$set, ...$unset }));
  if (changes) await writeOnSheets(models, session, [{ ...after, ...$set }], changes);
  return after;
}

/** What is only for searching and sorting, and is not shown. */
export const WITHOUT_SEARCH_FIELDS = { searchText: 0, sortName: 0 } as const;

function sameMembers(array: string, path: string, members: readonly Types.ObjectId[]) {
  const distinct = [...new Map(members.map((member) => [member.toHexString(), member])).values()];
  if (distinct.length === 0) return { [array]: [] };
  const [size, all] = [{ $size: distinct.length }, { $all: distinct }];
  return array === path ? { [array]: { ...size, ...all } } : { [array]: size, [path]: all };
}

/** `before` is at least what search fields are made of, where the change does not say it. */
function updateOf(before: Partial<PatientDocument>, change: PatientChange) {
  const $set: Record<string, unknown> = {};
  const $unset: Record<string, ''> = {};
  for (const [field, value] of Object.entries(change)) {
    if (value === undefined) $unset[field] = '';
    else $set[field] = value;
  }
  const { fullName, birthDate, ...rest } = { ...before, ...change };
  if (SEARCHED.some((field) => field in change) && fullName !== undefined && birthDate !== undefined)
    Object.assign($set, searchFields({ ...rest, fullName, birthDate }));
  return { $set, $unset };
}

const SEARCHED = ['fullName', 'email', 'mrn', 'birthDate'] as const;

/** Takes a patient away, counts it out, and archives that it is gone. */
export async function removePatient(
  { models, session, isDemo }: PatientWrites,
  patient: PatientDocument,
  deletedBy: string,
): Promise<void> {
  const { deletedCount } = await models.patients.collection.deleteOne({ _id: patient._id }, { session });
  if (deletedCount === 0) return;
  await archive(models.patientArchives, [patient], deletedBy, session);
  const counted = countUpdate(patient.clinicId, countsDelta(patient, undefined, isDemo));
  await writeGivingWay(models, session, [...counted, ...goneFromSheets([patient])]);
}

/** Reads one patient of a clinic, whole, so that it can be changed or removed in the same transaction. */
export async function findPatient(
  models: Pick<ClinicModels, 'patients'>,
  clinicId: Types.ObjectId,
  userId: string,
  session: ClientSession,
): Promise<PatientDocument | undefined> {
  // Not through mongoose: a patient can be large, and nothing of it needs casting.
  const found = await models.patients.collection.findOne({ clinicId, userId }, { session, hint: 'patient' });
  return (found as PatientDocument | null) ?? undefined; // what the collection holds
}

/** Which rule of patients a write broke: the user is a patient of the clinic already, or the MRN is another's. */
export function brokenPatientRule(error: unknown): 'samePatient' | 'sameMrn' | undefined {
  if (!isDuplicateKey(error)) return undefined;
  if (/ index: patient /.test(error.message)) return 'samePatient';
  return / index: unique_mrn /.test(error.message) ? 'sameMrn' : undefined;
}

/** The copy of an MRN that guards it, in a clinic that demands that MRNs are unique or is about to (index `unique_mrn`). */
export const uniqueMrnIn = (
  { mrnSettings, guardsMrns }: Pick<ClinicDocument, 'mrnSettings' | 'guardsMrns'>,
  mrn: string | undefined,
): { uniqueMrn?: string } =>
  (mrnSettings?.unique || guardsMrns) && mrn !== undefined && mrn !== '' ? { uniqueMrn: mrn } : {};
