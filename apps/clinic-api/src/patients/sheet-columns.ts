import { Inject, Injectable } from '@nestjs/common';
import { CLINIC_MODELS, type ClinicModels, COLUMN, PEOPLE, sheetsOf, STAMP } from '@caregate/clinic-model';
import { CONFIG } from '@caregate/service';
import { LRUCache } from 'lru-cache';
import type { Types } from 'mongoose';
import type { ClinicApiConfig } from '../config.ts';
import { SharedReads } from '../shared-reads.ts';
import { ID_SIZE, TYPE, visitFields } from './bson-bytes.ts';
import { PatientIndex } from './patient-index.ts';
import { SheetEntries } from './sheet-entries.ts';

/** A column of sheets, in their part. */
export interface Column {
  readonly part: string;
  readonly column: string;
}

/** The column in which each patient has an entry. */
export const EVERYBODY: Column = { part: PEOPLE, column: COLUMN.name };

/** Columns of a clinic's sheets, and whose they are. */
export interface Sheets {
  readonly patients: PatientIndex;
  /** The entries of one of the columns that were asked for, of each sheet that has some. */
  entriesIn(column: Column): readonly SheetEntries[];
}

/** A column of one sheet as it was when the sheet had this stamp. */
interface KnownEntries {
  readonly stamp: string;
  /** Undefined where nobody has an entry. */
  readonly entries: SheetEntries | undefined;
}
interface KnownColumn {
  /** By whose places the entries are. */
  readonly patients: PatientIndex;
  readonly sheets: ReadonlyMap<string, KnownEntries>;
}

interface KeptIndex {
  readonly patients: PatientIndex;
  readonly bytes: number;
}

/** What a sheet and a column take beside their bytes, about. */
const OVERHEAD = 200;

const MIB = 1024 * 1024;
const INDEX_MS = 60 * 60_000;

/**
 * Reads columns of a clinic's sheets. Those that were asked for of late are kept in memory, as they are in the database: of each sheet the
 * stamp is read, which differs after each change, and of those that differ the column. So answers are as fresh as if all had been read.
 */
@Injectable()
export class SheetColumns {
  private readonly known: LRUCache<string, KnownColumn>;
  private readonly stamps = new SharedReads<readonly Sheet[]>();
  /** Of each clinic. A new one by and by, since who has gone is never taken out of one. */
  private readonly patients: LRUCache<string, KeptIndex>;

  constructor(
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    @Inject(CONFIG) { SHEET_CACHE_MIB }: Pick<ClinicApiConfig, 'SHEET_CACHE_MIB'>,
  ) {
    const memory = Math.max(4, SHEET_CACHE_MIB * MIB);
    this.known = new LRUCache({ maxSize: memory * 0.75, sizeCalculation: sizeOfColumn });
    this.patients = new LRUCache({
      maxSize: memory * 0.25,
      sizeCalculation: ({ bytes }) => OVERHEAD + bytes,
      ttl: INDEX_MS,
      noUpdateTTL: true,
    });
  }

  /**
   * @param signal aborts when nobody waits for them any more
   * @param patients of other columns that are looked at together with these
   */
  async read(
    clinicId: Types.ObjectId,
    columns: readonly Column[],
    signal?: AbortSignal,
    patients = this.patientsOf(clinicId),
  ): Promise<Sheets> {
    const read = [...Map.groupBy(columns, ({ part }) => part)].map(async ([part, ofPart]) => {
      const names = [...new Set(ofPart.map(({ column }) => column))];
      return [part, await this.readPart({ clinicId, part, patients, signal }, names)] as const;
    });
    const byPart = new Map(await Promise.all(read));
    this.weighAgain(clinicId, patients);
    return { patients, entriesIn: ({ part, column }) => byPart.get(part)?.get(column) ?? [] };
  }

  private async readPart(
    { clinicId, part, patients, signal }: PartOfClinic,
    columns: readonly string[],
  ): Promise<ReadonlyMap<string, readonly SheetEntries[]>> {
    const [key, all] = [`${clinicId.toHexString()}:${part}`, sheetsOf(clinicId, part)];
    const known = new Map(columns.flatMap((column) => pairOf(column, this.knownOf(`${key}:${column}`, patients))));
    const unknown = columns.filter((column) => !known.has(column));
    const sheets = await (unknown.length > 0
      ? this.find(all, unknown, signal)
      : this.stamps.read(key, () => this.find(all, [])));
    const changed = sheets.filter((sheet) => !isKnown(known, sheet)).map(({ id }) => id);
    const which = changed.length < sheets.length / 2 ? { _id: { $in: changed } } : all;
    const fresh = changed.length > 0 ? await this.find(which, [...known.keys()], signal) : [];
    const entries = columns.map((column) => {
      const before = known.get(column);
      const now = before ? refreshed(before, sheets, fresh, column) : knownFrom(sheets, column, patients);
      if (now !== before) this.known.set(`${key}:${column}`, now);
      return [column, [...now.sheets.values()].flatMap((sheet) => sheet.entries ?? [])] as const;
    });
    return new Map(entries);
  }

  private knownOf(key: string, patients: PatientIndex): KnownColumn | undefined {
    const known = this.known.get(key);
    return known?.patients === patients ? known : undefined;
  }

  private patientsOf(clinicId: Types.ObjectId): PatientIndex {
    const kept = this.patients.get(clinicId.toHexString());
    if (kept) return kept.patients;
    const patients = new PatientIndex();
    this.patients.set(clinicId.toHexString(), { patients, bytes: patients.bytes });
    return patients;
  }

  /** An index grows, and then takes more of the memory that there is for all. */
  private weighAgain(clinicId: Types.ObjectId, patients: PatientIndex): void {
    const [key, { bytes }] = [clinicId.toHexString(), patients];
    const kept = this.patients.peek(key);
    if (kept?.patients === patients && kept.bytes !== bytes) this.patients.set(key, { patients, bytes });
  }

  private async find(which: object, columns: readonly string[], signal?: AbortSignal): Promise<readonly Sheet[]> {
    const projection = Object.fromEntries([STAMP, ...columns].map((field) => [field, 1 as const]));
    const found = await this.models.sheets.collection
      .find(which, { projection, raw: true, batchSize: 10_000, signal })
      .toArray();
    return (found as unknown as Buffer[]).map(sheetIn); // `raw` gives bytes
  }
}

const pairOf = <T>(key: string, value: T | undefined): (readonly [string, T])[] =>
  value === undefined ? [] : [[key, value]];

const isKnown = (columns: ReadonlyMap<string, KnownColumn>, { id, stamp }: Sheet) =>
  // A sheet from before there were stamps has none.
  columns.size === 0 || (stamp !== '' && [...columns.values()].every(({ sheets }) => sheets.get(id)?.stamp === stamp));

function knownFrom(sheets: readonly Sheet[], column: string, patients: PatientIndex): KnownColumn {
  const entriesOf = (bytes: Buffer | undefined) => bytes && SheetEntries.from(bytes, patients);
  const known = sheets.map(
    ({ id, stamp, columns }) => [id, { stamp, entries: entriesOf(columns.get(column)) }] as const,
  );
  return { patients, sheets: new Map(known) };
}

/** A column after those sheets were read that had changed; without those that are no longer there. */
function refreshed(known: KnownColumn, sheets: readonly Sheet[], fresh: readonly Sheet[], column: string): KnownColumn {
  if (fresh.length === 0 && known.sheets.size === sheets.length) return known;
  const kept = sheets.flatMap(({ id }) => pairOf(id, known.sheets.get(id)));
  const { patients } = known;
  return { patients, sheets: new Map([...kept, ...knownFrom(fresh, column, patients).sheets]) };
}

interface PartOfClinic {
  readonly clinicId: Types.ObjectId;
  readonly part: string;
  readonly patients: PatientIndex;
  readonly signal: AbortSignal | undefined;
}

/** A sheet with the columns that were asked for. */
interface Sheet {
  readonly id: string;
  readonly stamp: string;
  readonly columns: ReadonlyMap<string, Buffer>;
}

const LENGTH = 4;

function sheetIn(bytes: Buffer): Sheet {
  let [id, stamp] = ['', ''];
  const columns = new Map<string, Buffer>();
  visitFields(bytes, 0, (type, nameAt, nameEnd, at) => {
    const name = bytes.toString('latin1', nameAt, nameEnd);
    if (name === '_id') id = bytes.toString('latin1', at + LENGTH, at + LENGTH + bytes.readInt32LE(at) - 1);
    else if (name === STAMP) stamp = bytes.toString('latin1', at, at + ID_SIZE);
    else if (type === TYPE.object) columns.set(name, bytes.subarray(at, at + bytes.readInt32LE(at)));
  });
  return { id, stamp, columns };
}

function sizeOfColumn({ sheets }: KnownColumn): number {
  let size = OVERHEAD;
  for (const { entries } of sheets.values()) size += OVERHEAD + (entries?.size ?? 0);
  return size;
}
