import { COLUMN, PEOPLE, placeOfFigure, type SheetPlace } from '@caregate/clinic-model';
import type { Types } from 'mongoose';
import { type Condition, LAST_REVIEW, type PatientFilter } from './list-filter.ts';
import type { Figure, Order } from './list-sort.ts';

/** Something that must hold of each patient's entry in a column. */
export interface Question {
  readonly part: string;
  readonly column: string;
  readonly holds: (bytes: Buffer, at: number, length: number) => boolean;
  /** Whether it holds of those without an entry. */
  readonly ofNone: boolean;
}

/** By what a list is sorted. */
export interface SortKey {
  readonly part: string;
  readonly column: string;
  readonly direction: 1 | -1;
  /** Among equal ones. */
  readonly youngestFirst: boolean;
  /** Those without come last, by age, in either direction; otherwise having none is less than all else. */
  readonly noneLast: boolean;
  readonly keyOf: (bytes: Buffer, at: number, length: number) => string | number | undefined;
}

/** What a filter asks of the columns of sheets. */
export function questionsOf({ search, tags, sites, figures, others }: PatientFilter): Question[] {
  return [
    ...(search === undefined ? [] : [searched(search)]),
    ...(tags ? [labelled(COLUMN.tags, tags, 'all')] : []),
    ...(sites ? [labelled(COLUMN.sites, sites, 'any')] : []),
    ...figures.map(({ figure, condition }) => compared(placeOf(figure), condition)),
    ...(LAST_REVIEW in others
      ? [compared({ part: PEOPLE, column: COLUMN.review, at: 0 }, others[LAST_REVIEW] as Condition)] // made by `filterOf`
      : []),
    ...(others['glycemicRanges.type'] === undefined ? [] : [WITH_STANDARD_RANGES]),
  ];
}

function searched(search: string): Question {
  const part = Buffer.from(search);
  let [sheet, next]: [Buffer | undefined, number] = [undefined, -1];
  // Entries are visited one after the other, so a place that was found stays good until it is passed.
  const holds: Question['holds'] = (bytes, at, length) => {
    if (bytes !== sheet || next < at) [sheet, next] = [bytes, placeFrom(bytes, part, at)];
    return next + part.length <= at + length;
  };
  return { part: PEOPLE, column: COLUMN.text, holds, ofNone: false };
}

function placeFrom(bytes: Buffer, part: Buffer, at: number): number {
  const place = bytes.indexOf(part, at);
  return place < 0 ? Infinity : place;
}

const ID = 12;

function labelled(column: string, wanted: readonly Types.ObjectId[], how: 'all' | 'any'): Question {
  const ids = wanted.map(({ id }) => Buffer.from(id));
  const has = (bytes: Buffer, at: number, length: number) => (id: Buffer) => {
    for (let i = at; i < at + length; i += ID) if (id.compare(bytes, i, i + ID) === 0) return true;
    return false;
  };
  const holds: Question['holds'] = (...entry) => (how === 'all' ? ids.every(has(...entry)) : ids.some(has(...entry)));
  const isNone = ids.length === 0;
  return { part: PEOPLE, column, holds: isNone ? () => false : holds, ofNone: isNone };
}

function compared({ part, column, at: offset }: SheetPlace, condition: Condition): Question {
  const [[operator, bound] = []] = Object.entries(condition);
  const compare = COMPARISONS[operator ?? ''];
  if (!compare) throw new Error(`${operator} is no comparison of figures`);
  const number = Number(bound); // a moment is its milliseconds
  return { part, column, holds: (bytes, at) => compare(bytes.readDoubleLE(at + offset), number), ofNone: false };
}

/** None of them holds of a figure that is not there, NaN. */
const COMPARISONS: Readonly<Record<string, (figure: number, bound: number) => boolean>> = {
  $gt: (figure, bound) => figure > bound,
  $gte: (figure, bound) => figure >= bound,
  $lt: (figure, bound) => figure < bound,
  $lte: (figure, bound) => figure <= bound,
};

const WITH_STANDARD_RANGES: Question = {
  part: PEOPLE,
  column: COLUMN.otherRanges,
  holds: () => false,
  ofNone: true,
};

/** Where the sheets have what an order is by. */
export function sortKeyOf(order: Order): SortKey {
  const { path, direction, figure } = order;
  const common = { direction, youngestFirst: order.youngestFirst ?? false };
  if (path === 'tags')
    return { ...common, part: PEOPLE, column: COLUMN.tags, noneLast: false, keyOf: outermostId(direction) };
  if (figure) {
    const { part, column, at: offset } = placeOf(figure);
    const keyOf: SortKey['keyOf'] = (bytes, at) => definedNumber(bytes.readDoubleLE(at + offset));
    return { ...common, part, column, noneLast: order.noneLast ?? false, keyOf };
  }
  const column = COLUMN_OF_PATH[path];
  if (column === undefined) throw new Error(`lists are not sorted by ${path}`);
  return { ...common, part: PEOPLE, column, noneLast: false, keyOf: KEY_OF_COLUMN[column] ?? textKey };
}

const definedNumber = (number: number) => (Number.isNaN(number) ? undefined : number);
const textKey = (bytes: Buffer, at: number, length: number) => bytes.toString('latin1', at, at + length);

/** A list of several is sorted by its least, or backwards by its greatest, as MongoDB does it. */
const outermostId =
  (direction: 1 | -1): SortKey['keyOf'] =>
  (bytes, at, length) => {
    const ids: string[] = [];
    for (let i = at; i < at + length; i += ID) ids.push(bytes.toString('latin1', i, i + ID));
    ids.sort();
    return direction === 1 ? ids[0] : ids.at(-1);
  };

const COLUMN_OF_PATH: Readonly<Record<string, string>> = {
  sortName: COLUMN.name,
  birthDate: COLUMN.birthDate,
  [LAST_REVIEW]: COLUMN.review,
};
const KEY_OF_COLUMN: Readonly<Record<string, SortKey['keyOf']>> = {
  [COLUMN.review]: (bytes, at) => bytes.readDoubleLE(at),
};

function placeOf({ kind, name, period }: Figure): SheetPlace {
  const place = placeOfFigure(kind, name, period);
  if (!place) throw new Error(`no summary has ${kind}.${name}`);
  return place;
}
