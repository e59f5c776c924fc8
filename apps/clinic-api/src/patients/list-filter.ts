import { fold, isObjectIdText, objectId, SEARCH_SEPARATOR } from '@caregate/clinic-model';
import { BadRequest } from '@caregate/service';
import type { Types } from 'mongoose';
import { DEFAULT_PERIOD } from './list-sort.ts';
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
  /** On figures of a summary, by path. */
  readonly figures: Condition;
  /** What is left. */
  readonly others: Condition;
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

const COMPARISONS: Readonly<Record<string, string>> = { '>': '$gt', '>=': '$gte', '<': '$lt', '<=': '$lte' };
const FIGURE = /^(cgm|bgm)\.(\w+)$/;
const CONDITION = /^(>=|>|<=|<)(.+)$/;

export function filterOf(input: FilterInput): PatientFilter {
  const { search, tags, sites, lastReviewed, omitNonStandardRanges } = input;
  return {
    ...(search !== undefined && { search: fold(search) }),
    ...(tags && { tags: knownIds(tags) }),
    ...(sites && { sites: knownIds(sites) }),
    figures: figureConditions(input),
    others: {
      ...(lastReviewed !== undefined && { 'reviews.0.time': { $lte: new Date(lastReviewed) } }),
      // A preset without a name is the standard one.
      ...(omitNonStandardRanges && {
        'glycemicRanges.type': { $ne: 'custom' },
        'glycemicRanges.preset': { $in: [null, 'adaStandard'] },
      }),
    },
  };
}

/** Text that is no id asks for patients without any, as clients of the public service do with `tags=untagged`. */
const knownIds = (texts: readonly string[]) => texts.filter(isObjectIdText).flatMap((text) => objectId(text) ?? []);

function figureConditions(input: FilterInput): Condition {
  const conditions: Record<string, Record<string, unknown>> = {};
  for (const [name, value] of Object.entries(input)) {
    const [, kind, figure = ''] = FIGURE.exec(name) ?? [];
    if (kind === undefined || typeof value !== 'string') continue;
    const [path, condition] = figureCondition(`summary.${kind}Stats`, figure, value, input.period ?? DEFAULT_PERIOD);
    conditions[path] = { ...conditions[path], ...condition };
  }
  return conditions;
}

function figureCondition(
  stats: string,
  figure: string,
  value: string,
  period: string,
): [string, Record<string, unknown>] {
  if (figure === 'lastDataFrom') return [`${stats}.dates.lastData`, { $gte: new Date(value) }];
  if (figure === 'lastDataTo') return [`${stats}.dates.lastData`, { $lt: new Date(value) }];
  const [, comparison = '', number = ''] = CONDITION.exec(value) ?? [];
  const operator = COMPARISONS[comparison];
  // The contract has checked the form; this is for callers from inside.
  if (operator === undefined || Number.isNaN(Number(number)))
    throw new BadRequest(`bad request: invalid filter on ${figure}`);
  return [`${stats}.periods.${period}.${figure}`, { [operator]: Number(number) }];
}

/** The exact check of a search: a literal part of one of the searched fields. */
export const searchCondition = (search: string): Condition => ({ searchText: { $regex: literal(search) } });

/** Says whether any text can match: none holds the separator, so that nobody searches across two fields. */
export const canMatch = (search: string) => !search.includes(SEARCH_SEPARATOR) && !search.includes('\0');

const literal = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
