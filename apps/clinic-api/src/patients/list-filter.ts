import { isObjectIdText, objectId, SEARCH_SEPARATOR, searchForm } from '@caregate/clinic-model';
import { BadRequest } from '@caregate/service';
import type { Types } from 'mongoose';
import { DEFAULT_PERIOD, type Figure } from './list-sort.ts';
import type { Kind } from './summaries.ts';

/** A condition in MongoDB's words. */
export type Condition = Readonly<Record<string, unknown>>;

/** Which patients are meant; all of these must hold. */
export interface PatientFilter {
  /** Folded; undefined when nothing is searched for. */
  readonly search?: string;
  /** Carries all of these; none at all when the list is empty. */
  readonly tags?: readonly Types.ObjectId[];
  /** Belongs to one of these; to none at all when the list is empty. */
  readonly sites?: readonly Types.ObjectId[];
  readonly figures: readonly FigureFilter[];
  /** What is left. */
  readonly others: Condition;
}

/** A condition on a figure, such as `{ $gte: 0.7 }`. */
export interface FigureFilter {
  readonly figure: Figure;
  readonly condition: Condition;
}

/** The query of a list as the contract reads it, with `cgm.…` and `bgm.…` for conditions on figures. */
export interface FilterInput {
  readonly search?: string;
  readonly tags?: readonly string[];
  readonly sites?: readonly string[];
  readonly period?: string;
  readonly lastReviewed?: string;
  readonly omitNonStandardRanges?: boolean;
  readonly [figure: `${Kind}.${string}`]: string | undefined;
}

/** Where the newest review is. */
export const LAST_REVIEW = 'reviews.0.time';

const COMPARISONS: Readonly<Record<string, string>> = { '>': '$gt', '>=': '$gte', '<': '$lt', '<=': '$lte' };
const FIGURE = /^(cgm|bgm)\.(\w+)$/;
const CONDITION = /^(>=|>|<=|<)(.+)$/;

export function filterOf(input: FilterInput): PatientFilter {
  const { search, tags, sites, lastReviewed, omitNonStandardRanges } = input;
  return {
    ...(search !== undefined && { search: searchForm(search) }),
    ...(tags && { tags: knownIds(tags) }),
    ...(sites && { sites: knownIds(sites) }),
    figures: figureFilters(input),
    others: {
      ...(lastReviewed !== undefined && { [LAST_REVIEW]: { $lte: new Date(lastReviewed) } }),
      // A preset without a name is the standard one.
      ...(omitNonStandardRanges && {
        'glycemicRanges.type': { $ne: 'custom' },
        'glycemicRanges.preset': { $in: [null, 'adaStandard'] },
      }),
    },
  };
}

/** Text that is no id asks for patients without any, as clients of the public service do with `tags=untagged`. */
const knownIds = (texts: readonly string[]) => texts.filter(isObjectIdText).map((text) => objectId(text));

function figureFilters(input: FilterInput): FigureFilter[] {
  return Object.entries(input).flatMap(([name, value]) => {
    const [, kind, figure = ''] = FIGURE.exec(name) ?? [];
    // The pattern names the two kinds.
    return kind === undefined || typeof value !== 'string'
      ? []
      : [figureFilter(kind as Kind, figure, value, input.period ?? DEFAULT_PERIOD)];
  });
}

function figureFilter(kind: Kind, name: string, value: string, period: string): FigureFilter {
  if (name === 'lastDataFrom') return { figure: { kind, name: 'lastData' }, condition: { $gte: new Date(value) } };
  if (name === 'lastDataTo') return { figure: { kind, name: 'lastData' }, condition: { $lt: new Date(value) } };
  const [, comparison = '', number = ''] = CONDITION.exec(value) ?? [];
  const operator = COMPARISONS[comparison];
  // The contract has checked the form; this is for callers from inside.
  if (operator === undefined || Number.isNaN(Number(number)))
    throw new BadRequest(`bad request: invalid filter on ${name}`);
  return { figure: { kind, name, period }, condition: { [operator]: Number(number) } };
}

/** The exact check of a search: a literal part of one of the searched fields. */
export const searchCondition = (search: string): Condition => ({ searchText: { $regex: literal(search) } });

/** Says whether any text can match: none holds the separator, so that nobody searches across two fields. */
export const canMatch = (search: string) => !search.includes(SEARCH_SEPARATOR) && !search.includes('\0');

const literal = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
