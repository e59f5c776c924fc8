import quickselect from 'quickselect';
import type { Question, SortKey } from './list-questions.ts';
import { Matching } from './matching.ts';
import type { Sheets } from './sheet-columns.ts';
import { Texts } from './texts.ts';

/** The patients of a page, by their ids in hex, and how many match. */
export interface ListAnswer {
  readonly ids: readonly string[];
  readonly count: number;
}

export interface PageRange {
  readonly limit: number;
  readonly offset: number;
}

/** Of all who stand on the sheets, those of whom every question holds: how many, and a page of them in order. */
export function answerFrom(
  sheets: Sheets,
  questions: readonly Question[],
  sortKey: SortKey,
  page: PageRange,
): ListAnswer {
  const matching = Matching.of(sheets, questions);
  return { ids: pageOf(matching, sheets, sortKey, page), count: matching.places().length };
}

/** A page of those who match, in order. */
export function pageOf(matching: Matching, sheets: Sheets, sortKey: SortKey, page: PageRange): string[] {
  return sliceOf(matching, matching.places(), compareBy(sortKey, matching, sheets), page);
}

/** Says whether those without come after all others. */
export const noneComeLast = ({ noneLast, direction }: SortKey) => noneLast || direction === -1;

/**
 * A page of all patients by a figure that those without come last in, as far as it is filled by those who have the figure: then nothing
 * need be known of the others. Undefined when it is not.
 */
export function pageOfThoseWith(sheets: Sheets, sortKey: SortKey, page: PageRange): readonly string[] | undefined {
  const matching = new Matching();
  const { numberOf } = sortKey;
  matching.begin(sheets, sortKey, (bytes, at, length) => !Number.isNaN(numberOf(bytes, at, length)));
  return matching.patients.size < page.offset + page.limit ? undefined : pageOf(matching, sheets, sortKey, page);
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

function compareBy(sortKey: SortKey, matching: Matching, sheets: Sheets): Compare {
  const { patients } = matching;
  const { direction, youngestFirst, noneLast, numberOf, text } = sortKey;
  const numbers = new Float64Array(patients.size).fill(NaN);
  const texts = text && new Texts(patients.size, text);
  matching.visit(sheets, sortKey, (place, bytes, at, length) => {
    numbers[place] = numberOf(bytes, at, length);
    texts?.set(place, bytes, at, length);
  });
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
