import { type ClientSession, mongo, Types } from 'mongoose';
import { writeGivingWay } from './counts.ts';
import type { DataSource, PatientDocument } from './documents.ts';
import type { ClinicModels } from './models.ts';
import { PERIODS } from './periods.ts';

/**
 * What lists filter and sort by, column by column: a clinic's patients stand on sheets, each of which holds a column as one field, with
 * an entry for each patient. So a question about one figure of ten thousand patients reads a hundred small parts of documents instead of
 * ten thousand documents or index entries, which is what MongoDB takes its time for (decisions, "Lists and search").
 *
 * Sheets are derived from the patients, in the transaction that writes a patient; `caregate counts check` compares the two.
 */

const KINDS = ['cgm', 'bgm'] as const;
type SheetKind = (typeof KINDS)[number];

/** Everything about patients but their figures. */
export const PEOPLE = 'people';
/** The columns of that part. Texts as they are, ids as bytes one after the other, moments as `MOMENTS` has them. */
export const COLUMN = {
  name: 'name',
  birthDate: 'birthDate',
  text: 'text',
  tags: 'tags',
  sites: 'sites',
  review: 'review',
  /** There for those whose ranges are not the standard ones. */
  otherRanges: 'otherRanges',
  /** There for those whose sensor data cannot come (behaviour, "Patients", TIDE report). */
  disconnected: 'disconnected',
  cgm: 'cgm',
  bgm: 'bgm',
} as const;

const MOMENTS = ['lastData', 'lastUploadDate', 'firstData', 'outdatedSince'];

const RANGES = ['VeryLow', 'AnyLow', 'Low', 'Target', 'High', 'VeryHigh', 'ExtremeHigh', 'AnyHigh'];
const timesIn = (unit: string) => [...RANGES.map((range) => `timeIn${range}${unit}`), `timeCGMUse${unit}`];
const WITHOUT_DELTAS: Readonly<Record<string, readonly string[]>> = {
  percent: timesIn('Percent'),
  minutes: timesIn('Minutes'),
  records: timesIn('Records'),
  glucose: [
    'averageGlucoseMmol',
    'glucoseManagementIndicator',
    'min',
    'max',
    'standardDeviation',
    'coefficientOfVariation',
  ],
  data: ['totalRecords', 'averageDailyRecords', 'hoursWithData', 'daysWithData'],
};

/** The figures of a period, some in a column: whoever asks for one often asks for its neighbours too, and few columns are quickly written. */
const FIGURES: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  Object.entries(WITHOUT_DELTAS).flatMap(([column, figures]) => [
    [column, figures],
    [`${column}Delta`, figures.map((figure) => `${figure}Delta`)],
  ]),
);

/** Where a figure stands: in which part and column, and how many bytes into the patient's entry, as a double; NaN means none. */
export interface SheetPlace {
  readonly part: string;
  readonly column: string;
  readonly at: number;
}

const DOUBLE = 8;

/** Undefined for what no summary has. */
export function placeOfFigure(kind: SheetKind, name: string, period: string | undefined): SheetPlace | undefined {
  if (period === undefined) {
    const moment = MOMENTS.indexOf(name);
    return moment < 0 ? undefined : { part: PEOPLE, column: COLUMN[kind], at: moment * DOUBLE };
  }
  for (const [column, figures] of Object.entries(FIGURES)) {
    const index = figures.indexOf(name);
    if (index >= 0) return { part: partOf(kind, period), column, at: index * DOUBLE };
  }
  return undefined;
}

const partOf = (kind: SheetKind, period: string) => `${kind}_${period}`;
const FIGURE_PARTS = new Map(
  KINDS.flatMap((kind) => PERIODS.map((period) => [partOf(kind, period), { kind, period }] as const)),
);

/** Every part with its columns. */
const PARTS: Readonly<Record<string, readonly string[]>> = {
  [PEOPLE]: Object.values(COLUMN),
  ...Object.fromEntries([...FIGURE_PARTS.keys()].map((part) => [part, Object.keys(FIGURES)])),
};

/** So many sheets share a clinic's patients: patients made one after the other stand on different ones, so that parallel writers seldom meet. */
export const SHEETS = 128;

/** Of a sheet: another one after each change, and no two alike, so who knows the stamp knows what stands there. */
export const STAMP = 'stamp';

/** By the last byte of the id, which counts up; for good, so nothing need be looked up. */
export const sheetOf = (patientId: Types.ObjectId) => (patientId.id[patientId.id.length - 1] ?? 0) % SHEETS;
const sheetId = (clinicId: Types.ObjectId, part: string, sheet: number) =>
  `${clinicId.toHexString()}:${part}:${sheet.toString(16).padStart(2, '0')}`;

/** The sheets of a part of a clinic. */
export const sheetsOf = (clinicId: Types.ObjectId, part: string) => ({
  _id: { $gte: `${clinicId.toHexString()}:${part}:`, $lt: `${clinicId.toHexString()}:${part};` },
});

/** What of a patient stands on sheets. */
export type SheetPatient = Pick<
  PatientDocument,
  | '_id'
  | 'clinicId'
  | 'sortName'
  | 'searchText'
  | 'birthDate'
  | 'tags'
  | 'sites'
  | 'reviews'
  | 'dataSources'
  | 'glycemicRanges'
  | 'summary'
>;
/** Which columns of the part about people a field stands in. */
const COLUMNS_OF: Readonly<Record<string, readonly string[]>> = {
  sortName: [COLUMN.name],
  searchText: [COLUMN.text],
  birthDate: [COLUMN.birthDate],
  tags: [COLUMN.tags],
  sites: [COLUMN.sites],
  reviews: [COLUMN.review],
  dataSources: [COLUMN.disconnected],
  glycemicRanges: [COLUMN.otherRanges],
  summary: [COLUMN.cgm, COLUMN.bgm],
};
const ON_SHEETS = ['clinicId', ...Object.keys(COLUMNS_OF)];

/** What a change of these fields is to the sheets. */
export function sheetChangesOf(fields: readonly string[]): SheetChanges | undefined {
  if (fields.includes('summary')) return 'all';
  const columns = fields.flatMap((field) => COLUMNS_OF[field] ?? []);
  return columns.length === 0 ? undefined : { columns };
}

/** By column. */
type Entries = Readonly<Record<string, string | mongo.Binary | true>>;

/** A patient's entries by part and column; what is not there has no entry. */
export const entriesOf = (patient: SheetPatient): Readonly<Record<string, Entries>> =>
  Object.fromEntries(
    Object.keys(PARTS)
      .map((part) => [part, entriesIn(part, patient)] as const)
      .filter(([, entries]) => Object.keys(entries).length > 0),
  );

function entriesIn(part: string, patient: SheetPatient): Entries {
  const figures = FIGURE_PARTS.get(part);
  if (!figures) return peopleEntries(patient);
  return figureEntries(asRecord(asRecord(statsOf(patient, figures.kind)['periods'])[figures.period]));
}

function peopleEntries(patient: SheetPatient): Entries {
  const { sortName, searchText, birthDate, tags, sites, reviews, dataSources, glycemicRanges } = patient;
  const review = reviews?.[0]?.time;
  return defined({
    [COLUMN.name]: sortName,
    [COLUMN.text]: searchText,
    [COLUMN.birthDate]: birthDate,
    [COLUMN.tags]: ids(tags),
    [COLUMN.sites]: ids(sites.map(({ _id }) => _id)),
    [COLUMN.review]: review && doubles([review.getTime()]),
    [COLUMN.otherRanges]: isStandard(glycemicRanges) ? undefined : (true as const),
    [COLUMN.disconnected]: dataSources?.some(isDisconnected) ? (true as const) : undefined,
    ...Object.fromEntries(KINDS.map((kind) => [COLUMN[kind], momentsOf(asRecord(statsOf(patient, kind)['dates']))])),
  });
}

const isDisconnected = ({ providerName, state }: DataSource) => providerName === 'dexcom' && state !== 'connected';

// A preset without a name is the standard one.
const isStandard = ({ type, preset }: Readonly<Record<string, unknown>> = {}) =>
  type !== 'custom' && (preset === undefined || preset === null || preset === 'adaStandard');

const momentsOf = (dates: Readonly<Record<string, unknown>>) =>
  doubles(MOMENTS.map((name) => (dates[name] instanceof Date ? dates[name].getTime() : NaN)));

const figureEntries = (figures: Readonly<Record<string, unknown>>): Entries =>
  defined(
    Object.fromEntries(
      Object.entries(FIGURES).map(([column, names]) => [
        column,
        doubles(names.map((name) => (typeof figures[name] === 'number' ? figures[name] : NaN))),
      ]),
    ),
  );

const statsOf = ({ summary }: SheetPatient, kind: SheetKind) => asRecord(summary?.[`${kind}Stats`]);
const asRecord = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}; // what objects are
const defined = <T>(entries: Readonly<Record<string, T | undefined>>): Record<string, T> =>
  Object.fromEntries(Object.entries(entries).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));

function doubles(values: readonly number[]): mongo.Binary | undefined {
  if (values.every(Number.isNaN)) return undefined;
  const bytes = Buffer.alloc(values.length * DOUBLE);
  values.forEach((value, i) => bytes.writeDoubleLE(value, i * DOUBLE));
  return new mongo.Binary(bytes);
}

const ids = (values: readonly Types.ObjectId[]) =>
  values.length === 0 ? undefined : new mongo.Binary(Buffer.concat(values.map(({ id }) => id)));

type Models = Pick<ClinicModels, 'patients' | 'sheets'>;

/** Of which all columns are written: of every part, or of the one about people. */
export type WholeChanges = 'all' | 'people';

/** What of a patient changed: also their figures, or not, or only some columns of the part about people. */
export type SheetChanges = WholeChanges | { readonly columns: readonly string[] };

function columnsOf(changes: SheetChanges): Readonly<Record<string, readonly string[]>> {
  if (changes === 'all') return PARTS;
  return { [PEOPLE]: changes === 'people' ? Object.values(COLUMN) : changes.columns };
}

/** Writes patients on their sheets as they are now, in the transaction that made them so. */
export async function writeOnSheets(
  models: Pick<Models, 'sheets'>,
  session: ClientSession,
  patients: readonly SheetPatient[],
  changes: SheetChanges,
): Promise<void> {
  await writeGivingWay(models, session, changedOnSheets(patients, changes));
}

/** What writes patients on their sheets as they are now. */
export function changedOnSheets(
  patients: readonly SheetPatient[],
  changes: SheetChanges,
): mongo.AnyBulkWriteOperation[] {
  const sheets = new Map<string, SheetChange>();
  for (const patient of patients) {
    const hex = patient._id.toHexString();
    for (const [part, columns] of Object.entries(columnsOf(changes))) {
      const [change, entries] = [changeOf(sheets, patient, part), entriesIn(part, patient)];
      for (const column of columns) {
        const entry = entries[column];
        if (entry === undefined) change.$unset[`${column}.${hex}`] = 1;
        else change.$set[`${column}.${hex}`] = entry;
      }
    }
  }
  return updatesOf(sheets);
}

/** What puts a patient on the sheets who was never on a sheet of this clinic. */
export function newOnSheets(patient: SheetPatient): mongo.AnyBulkWriteOperation[] {
  const sheets = new Map<string, SheetChange>();
  for (const [part, entries] of Object.entries(entriesOf(patient))) {
    const { $set } = changeOf(sheets, patient, part);
    for (const [column, entry] of Object.entries(entries)) $set[`${column}.${patient._id.toHexString()}`] = entry;
  }
  return updatesOf(sheets);
}

/** What takes patients, as they were, off the sheets of their clinic. */
export function goneFromSheets(patients: readonly SheetPatient[]): mongo.AnyBulkWriteOperation[] {
  const sheets = new Map<string, SheetChange>();
  for (const patient of patients) {
    for (const [part, entries] of Object.entries(entriesOf(patient))) {
      const { $unset } = changeOf(sheets, patient, part);
      for (const column of Object.keys(entries)) $unset[`${column}.${patient._id.toHexString()}`] = 1;
    }
  }
  return updatesOf(sheets);
}

/** Reads patients as the transaction sees them and writes them on their sheets. */
export async function refreshSheets(
  models: Models,
  session: ClientSession,
  which: Readonly<Record<string, unknown>>,
  changes: WholeChanges,
): Promise<void> {
  const some: SheetPatient[] = [];
  for await (const patient of readForSheets(models, session, which, changes)) {
    some.push(patient);
    if (some.length === AT_ONCE) await writeOnSheets(models, session, some.splice(0), changes);
  }
  await writeOnSheets(models, session, some, changes);
}

/** Patients as the transaction sees them, with what stands on sheets. */
export const readForSheets = (
  { patients }: Pick<Models, 'patients'>,
  session: ClientSession,
  which: Readonly<Record<string, unknown>>,
  changes: WholeChanges,
) =>
  patients.collection
    .find(which, { session, projection: projectionOf(changes) })
    .batchSize(AT_ONCE) as unknown as AsyncIterable<SheetPatient>; // what the projection takes

const AT_ONCE = 1_000;

/** Of large summaries only what is needed. */
const projectionOf = (changes: WholeChanges): Readonly<Record<string, 1>> => {
  const fields = changes === 'all' ? ON_SHEETS : ON_SHEETS.filter((field) => field !== 'summary');
  const dates = changes === 'all' ? [] : KINDS.map((kind) => `summary.${kind}Stats.dates`);
  return Object.fromEntries([...fields, ...dates].map((field) => [field, 1 as const]));
};

interface SheetChange {
  readonly clinicId: Types.ObjectId;
  readonly $set: Record<string, unknown>;
  readonly $unset: Record<string, 1>;
}

function changeOf(
  sheets: Map<string, SheetChange>,
  { _id, clinicId }: Pick<PatientDocument, '_id' | 'clinicId'>,
  part: string,
): SheetChange {
  const id = sheetId(clinicId, part, sheetOf(_id));
  const change = sheets.get(id) ?? { clinicId, $set: {}, $unset: {} };
  sheets.set(id, change);
  return change;
}

function updatesOf(sheets: ReadonlyMap<string, SheetChange>): mongo.AnyBulkWriteOperation[] {
  return [...sheets].map(([_id, { clinicId, $set, $unset }]) => {
    const isThere = Object.keys($set).length > 0; // what only goes needs no sheet to go from
    return {
      updateOne: {
        filter: { _id: _id as never }, // the driver's type for native collections knows ObjectIds only
        update: {
          $set: { ...$set, [STAMP]: new Types.ObjectId() },
          ...(isThere && { $setOnInsert: { clinicId } }),
          ...(Object.keys($unset).length > 0 && { $unset }),
        },
        upsert: isThere,
      },
    };
  });
}

/** What stands on some sheets of a clinic: entries by patient, part and column. */
export async function fromSheets(
  { sheets }: Pick<Models, 'sheets'>,
  session: ClientSession,
  clinicId: Types.ObjectId,
  numbers: readonly number[],
): Promise<Map<string, Record<string, Record<string, unknown>>>> {
  const byPatient = new Map<string, Record<string, Record<string, unknown>>>();
  for (const part of Object.keys(PARTS)) {
    const _id = { $in: numbers.map((number) => sheetId(clinicId, part, number)) };
    for await (const { _id: _, clinicId: _clinic, [STAMP]: _stamp, ...columns } of sheets.collection.find(
      { _id: _id as never },
      { session },
    )) {
      for (const [column, entries] of Object.entries(columns)) {
        for (const [patient, entry] of Object.entries(asRecord(entries))) {
          const parts = byPatient.get(patient) ?? {};
          (parts[part] ??= {})[column] = entry;
          byPatient.set(patient, parts);
        }
      }
    }
  }
  return byPatient;
}

/** Takes patients off every part of a clinic's sheets, whatever stands there. */
export async function eraseFromSheets(
  models: Pick<Models, 'sheets'>,
  session: ClientSession,
  clinicId: Types.ObjectId,
  patients: readonly string[],
): Promise<void> {
  const sheets = new Map<string, SheetChange>();
  for (const patient of patients) {
    for (const [part, columns] of Object.entries(PARTS)) {
      const { $unset } = changeOf(sheets, { _id: new Types.ObjectId(patient), clinicId }, part);
      for (const column of columns) $unset[`${column}.${patient}`] = 1;
    }
  }
  await writeGivingWay(models, session, updatesOf(sheets));
}

/** Patients of a clinic, sheet by sheet, whole sheets while there are fewer than `enough`: who changes them together touches few sheets. */
export async function someOnSheets(
  models: Pick<Models, 'sheets'>,
  session: ClientSession,
  clinicId: Types.ObjectId,
  enough: number,
): Promise<Types.ObjectId[]> {
  const sheets = models.sheets.collection.find(
    { ...(sheetsOf(clinicId, PEOPLE) as object), [COLUMN.name]: { $exists: true, $ne: {} } },
    { session, projection: { [COLUMN.name]: 1 }, sort: { _id: 1 }, batchSize: 8 },
  );
  const found: Types.ObjectId[] = [];
  for await (const sheet of sheets) {
    found.push(...Object.keys(asRecord(sheet[COLUMN.name])).map((id) => new Types.ObjectId(id)));
    if (found.length >= enough) break;
  }
  return found;
}
