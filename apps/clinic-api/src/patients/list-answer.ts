import quickselect from 'quickselect';
import type { SortKey } from './list-questions.ts';
import { Matching } from './matching.ts';
import type { Sheets } from './sheet-columns.ts';
import type { Visit } from './sheet-entries.ts';
import { Texts } from './texts.ts';

export interface PageRange {
  readonly limit: number;
  readonly offset: number;
}

/**
 * A page of those who match, in order.
 * @param keys where the column of the order is, when it is not among those that they were matched by
 */
export function pageOf(matching: Matching, sortKey: SortKey, page: PageRange, keys?: Sheets): string[] {
  return sliceOf(matching, matching.places(), compareBy(sortKey, matching, keys), page);
}

/** Says whether those without come after all others. */
export const noneComeLast = ({ noneLast, direction }: SortKey) => noneLast || direction === -1;

/**
 * A page of all patients by a figure that those without come last in, as far as it is filled by those who have the figure: then nothing
 * need be known of the others. Undefined when it is not.
 */
export function pageOfThoseWith(sheets: Sheets, sortKey: SortKey, page: PageRange): readonly string[] | undefined {
  const { numberOf } = sortKey;
  const matching = Matching.with(sheets, sortKey, (...entry) => !Number.isNaN(numberOf(...entry)));
  const isFull = matching.places().length >= page.offset + page.limit;
  return isFull ? pageOf(matching, sortKey, page) : undefined;
}

type Compare = (a: number, b: number) => number;

function sliceOf(matching: Matching, order: number[], compare: Compare, { limit, offset }: PageRange): string[] {
  const [start, end] = [Math.min(offset, order.length), Math.min(offset + limit, order.length)];
  if (start === end) return [];
  // Those before the page and those after it need not be sorted among themselves.
  if (start > 0) quickselect(order, start, 0, order.length - 1, compare);
  if (end < order.length) quickselect(order, end - 1, start, order.length - 1, compare);
  return order
    .slice(start, end)
    .sort(compare)
    .map((place) => matching.patients.idAt(place));
}

function compareBy(sortKey: SortKey, matching: Matching, keys?: Sheets): Compare {
  const { patients } = matching;
  const { direction, youngestFirst, noneLast, numberOf, text } = sortKey;
  const numbers = new Float64Array(patients.size).fill(NaN);
  const texts = text && new Texts(patients.size, text);
  const visit: Visit = (place, ...entry) => {
    numbers[place] = numberOf(...entry);
    texts?.set(place, ...entry);
  };
  matching.visit(sortKey, visit, keys);
  return (a, b) => {
    const [numberA, numberB] = [numbers[a] ?? NaN, numbers[b] ?? NaN];
    if (numberA < numberB) return -direction;
    if (numberA > numberB) return direction;
    const [isNoneA, isNoneB] = [Number.isNaN(numberA), Number.isNaN(numberB)];
    if (isNoneA !== isNoneB) return (noneLast ? 1 : -direction) * (isNoneA ? 1 : -1);
    const difference = texts && !isNoneA ? direction * texts.compare(a, b) : 0;
    // Ids tell who is older.
    return difference || patients.compare(a, b) * (youngestFirst && !(noneLast && isNoneA) ? -1 : 1);
  };
}
