import { COLUMN, PEOPLE, placeOfFigure, type SheetPlace } from '@caregate/clinic-model';
import type { Types } from 'mongoose';
import { type Condition, LAST_REVIEW, type PatientFilter } from './list-filter.ts';
import type { Figure, Order } from './list-sort.ts';
import type { Column } from './sheet-columns.ts';
import { prefixOf, type TextKey } from './texts.ts';

/** Something that must hold of each patient's entry in a column. */
export interface Question extends Column {
  readonly holds: (bytes: Buffer, at: number, length: number) => boolean;
  /** Whether it holds of those without an entry. */
  readonly ofNone: boolean;
}

/** By what a list is sorted. */
export interface SortKey extends Column {
  readonly direction: 1 | -1;
  /** Among equal ones. */
  readonly youngestFirst: boolean;
  /** Those without come last, by age, in either direction; otherwise having none is less than all else. */
  readonly noneLast: boolean;
  /** NaN for none. */
  readonly numberOf: (bytes: Buffer, at: number, length: number) => number;
  /** Where a number is only how a text begins. */
  readonly text?: TextKey;
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

export function labelled(column: string, wanted: readonly Types.ObjectId[], how: 'all' | 'any'): Question {
  const ids = wanted.map(({ id }) => Buffer.from(id));
  const has = (bytes: Buffer, at: number, length: number) => (id: Buffer) => {
    for (let i = at; i < at + length; i += ID) if (id.compare(bytes, i, i + ID) === 0) return true;
    return false;
  };
  const holds: Question['holds'] = (...entry) => (how === 'all' ? ids.every(has(...entry)) : ids.some(has(...entry)));
  const isNone = ids.length === 0;
  return { part: PEOPLE, column, holds: isNone ? () => false : holds, ofNone: isNone };
}

export function compared({ part, column, at: offset }: SheetPlace, condition: Condition): Question {
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
  const common = { direction, youngestFirst: order.youngestFirst ?? false, noneLast: order.noneLast ?? false };
  if (figure) {
    const { part, column, at: offset } = placeOf(figure);
    return { ...common, part, column, numberOf: (bytes, at) => bytes.readDoubleLE(at + offset) };
  }
  const column = COLUMN_OF_PATH[path];
  if (column === undefined) throw new Error(`lists are not sorted by ${path}`);
  if (column === COLUMN.review)
    return { ...common, part: PEOPLE, column, numberOf: (bytes, at) => bytes.readDoubleLE(at) };
  return { ...common, part: PEOPLE, column, ...textKey(column === COLUMN.tags ? outermostId(direction) : WHOLE) };
}

const textKey = (text: TextKey): Pick<SortKey, 'numberOf' | 'text'> => ({
  text,
  numberOf: (bytes, at, length) => prefixOf(bytes, text.from(bytes, at, length), at + length),
});

const WHOLE: TextKey = { from: (_bytes, at) => at };

/** A list of several is sorted by its least, or backwards by its greatest, as MongoDB does it. */
const outermostId = (direction: 1 | -1): TextKey => ({
  length: ID,
  from: (bytes, at, length) => {
    let outermost = at;
    for (let i = at + ID; i < at + length; i += ID)
      if (bytes.compare(bytes, outermost, outermost + ID, i, i + ID) * direction < 0) outermost = i;
    return outermost;
  },
});

const COLUMN_OF_PATH: Readonly<Record<string, string>> = {
  sortName: COLUMN.name,
  birthDate: COLUMN.birthDate,
  tags: COLUMN.tags,
  [LAST_REVIEW]: COLUMN.review,
};

/** @throws {Error} for what no summary has */
export function placeOf({ kind, name, period }: Figure): SheetPlace {
  const place = placeOfFigure(kind, name, period);
  if (!place) throw new Error(`no summary has ${kind}.${name}`);
  return place;
}
