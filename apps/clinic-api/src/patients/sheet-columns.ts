import { type ClinicModels, COLUMN, PEOPLE, sheetsOf } from '@caregate/clinic-model';
import type { Types } from 'mongoose';

/** A column of sheets, in their part. */
export interface Column {
  readonly part: string;
  readonly column: string;
}

/** The column in which each patient has an entry. */
export const EVERYBODY: Column = { part: PEOPLE, column: COLUMN.name };

/** The sheets of a clinic that have a column, as bytes. */
export type Sheets = (column: Column) => readonly Buffer[];

/** Reads the columns that are asked for, of each part at once. */
export async function readColumns(
  { sheets }: Pick<ClinicModels, 'sheets'>,
  clinicId: Types.ObjectId,
  columns: readonly Column[],
  signal?: AbortSignal,
): Promise<Sheets> {
  const read = [...Map.groupBy(columns, ({ part }) => part)].map(async ([part, ofPart]) => {
    const projection = { _id: 0, ...Object.fromEntries(ofPart.map(({ column }) => [column, 1])) };
    const options = { projection, raw: true, batchSize: 10_000, signal };
    const found = await sheets.collection.find(sheetsOf(clinicId, part) as object, options).toArray();
    return [part, found as unknown as Buffer[]] as const; // `raw` gives bytes
  });
  const byPart = new Map(await Promise.all(read));
  return ({ part }) => byPart.get(part) ?? [];
}

export const isSame = (a: Column, b: Column) => a.part === b.part && a.column === b.column;
