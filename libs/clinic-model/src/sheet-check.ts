import { inTransaction } from '@caregate/service/transaction';
import { type ClientSession, type Connection, mongo, Types } from 'mongoose';
import type { ClinicModels } from './models.ts';
import {
  eraseFromSheets,
  entriesOf,
  fromSheets,
  readForSheets,
  SHEETS,
  sheetOf,
  type SheetPatient,
  writeOnSheets,
} from './sheets.ts';

type Models = Pick<ClinicModels, 'patients' | 'sheets'>;

/** Patients of a clinic or of its sheets, and how many of them stand there as they are. */
export interface SheetCheck {
  readonly patients: number;
  readonly right: number;
}

/** So many patients are compared in one transaction, at least, where there are so many. */
const AT_ONCE = 500;

/**
 * Compares a clinic's sheets with its patients, some at a time and each at one moment, however many write meanwhile.
 * With `repair` what differs is written anew; a writer who comes in between is repeated, or this is.
 */
export async function checkSheets(
  connection: Connection,
  models: Models,
  clinicId: Types.ObjectId,
  repair: boolean,
): Promise<SheetCheck> {
  const bySheet = await patientsBySheet(models, clinicId);
  let [patients, right] = [0, 0];
  for (let sheet = 0; sheet < SHEETS;) {
    const sheets: number[] = [];
    for (let known = 0; known < AT_ONCE && sheet < SHEETS; sheet++) {
      sheets.push(sheet);
      known += bySheet[sheet]?.length ?? 0;
    }
    const known = sheets.flatMap((each) => bySheet[each] ?? []);
    const some = await inTransaction(connection, (session) =>
      checkSome({ models, session, clinicId, repair }, sheets, known),
    );
    patients += some.patients;
    right += some.right;
  }
  return { patients, right };
}

interface Checking {
  readonly models: Models;
  readonly session: ClientSession;
  readonly clinicId: Types.ObjectId;
  readonly repair: boolean;
}

async function checkSome(
  { models, session, clinicId, repair }: Checking,
  sheets: readonly number[],
  known: readonly Types.ObjectId[],
): Promise<SheetCheck> {
  const kept = await fromSheets(models, session, clinicId, sheets);
  // Who came since is on a sheet, because whoever made them wrote it.
  const ids = [...new Set([...known.map((id) => id.toHexString()), ...kept.keys()])];
  const patients = new Map<string, SheetPatient>();
  for await (const patient of readForSheets(models, session, inClinic(clinicId, ids), 'all'))
    patients.set(patient._id.toHexString(), patient);
  const wrong = ids.filter((id) => {
    const patient = patients.get(id);
    return inText(kept.get(id) ?? {}) !== inText(patient ? entriesOf(patient) : {});
  });
  if (repair && wrong.length > 0) {
    await eraseFromSheets(models, session, clinicId, wrong);
    await writeOnSheets(
      models,
      session,
      wrong.flatMap((id) => patients.get(id) ?? []),
      'all',
    );
  }
  return { patients: ids.length, right: ids.length - wrong.length };
}

const inClinic = (clinicId: Types.ObjectId, ids: readonly string[]) => ({
  _id: { $in: ids.map((id) => new Types.ObjectId(id)) },
  clinicId,
});

async function patientsBySheet({ patients }: Models, clinicId: Types.ObjectId): Promise<Types.ObjectId[][]> {
  const bySheet: Types.ObjectId[][] = Array.from({ length: SHEETS }, () => []);
  const ids = patients.collection.find({ clinicId }, { projection: { _id: 1 } }).batchSize(10_000);
  for await (const { _id } of ids) bySheet[sheetOf(_id)]?.push(_id);
  return bySheet;
}

/** Entries in one order, to compare. */
const inText = (parts: Readonly<Record<string, Readonly<Record<string, unknown>>>>) =>
  JSON.stringify(
    Object.entries(parts)
      .flatMap(([part, entries]) => Object.entries(entries).map(([column, entry]) => [part, column, plain(entry)]))
      .sort(([partA, columnA], [partB, columnB]) => (`${partA} ${columnA}` < `${partB} ${columnB}` ? -1 : 1)),
  );
const plain = (entry: unknown) => (entry instanceof mongo.Binary ? entry.toString('hex') : entry);
