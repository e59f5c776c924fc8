import { BadRequest } from '@caregate/service';
import type { Kind } from './summaries.ts';

/** Sort keys in their order, as MongoDB takes them. */
export type Order = readonly (readonly [path: string, direction: 1 | -1])[];

export interface SortInput {
  /** `+` or `-`, then an attribute. */
  readonly sort?: string;
  readonly sortType?: string;
  readonly period?: string;
}

export const DEFAULT_PERIOD = '14d';

const RANGES = ['VeryLow', 'AnyLow', 'Low', 'Target', 'High', 'VeryHigh', 'ExtremeHigh', 'AnyHigh'];
const times = (units: readonly string[]) => RANGES.flatMap((range) => units.map((unit) => `timeIn${range}${unit}`));

/** Figures of a period that come with a flag `has…`; the flag tells whether there is a figure to sort by. */
const FLAGGED: Readonly<Record<Kind, ReadonlySet<string>>> = {
  cgm: new Set([
    ...times(['Percent', 'Minutes', 'Records']),
    ...['averageGlucoseMmol', 'glucoseManagementIndicator', 'timeCGMUsePercent', 'totalRecords', 'averageDailyRecords'],
  ]),
  bgm: new Set([...times(['Percent', 'Records']), 'averageGlucoseMmol', 'totalRecords', 'averageDailyRecords']),
};

const PLAIN: Readonly<Record<Kind, ReadonlySet<string>>> = {
  cgm: new Set(['min', 'max', 'standardDeviation', 'coefficientOfVariation', 'hoursWithData', 'daysWithData']),
  bgm: new Set(['min', 'max', 'standardDeviation', 'coefficientOfVariation']),
};

const DATES = new Set(['lastUploadDate', 'lastData', 'firstData', 'outdatedSince']);

const OF_PATIENT: Readonly<Record<string, string>> = {
  fullName: 'sortName',
  birthDate: 'birthDate',
  tags: 'tags',
  lastReviewed: 'reviews.0.time',
};

export const BY_NAME: Order = [
  ['sortName', 1],
  ['_id', 1],
];

/**
 * In which order patients are listed: by name unless `sort` says otherwise, and those that are equal by age of their record.
 * Patients without the figure come last in either direction.
 * @throws {BadRequest} for an attribute that the kind of data does not have
 */
export function orderOf({ sort, sortType, period = DEFAULT_PERIOD }: SortInput): Order {
  if (sort === undefined) return BY_NAME;
  if (sortType === undefined) throw refused('missing type');
  const direction = sort.startsWith('-') ? -1 : 1;
  const attribute = sort.slice(1);
  const kind = sortType as Kind; // the contract says that it is one of the two
  const own = Object.hasOwn(OF_PATIENT, attribute) ? OF_PATIENT[attribute] : undefined;
  // Down an index that is read backwards, equal ones are backwards too.
  if (own === 'sortName' || own === 'birthDate')
    return [
      [own, direction],
      ['_id', direction],
    ];
  if (own !== undefined)
    return [
      [own, direction],
      ['_id', 1],
    ];
  const [path, flag] = figurePath(attribute, kind, period);
  return [...(flag === undefined ? [] : [[flag, -1] as const]), [path, direction], ['_id', 1]];
}

function figurePath(attribute: string, kind: Kind, period: string): [path: string, flag?: string] {
  const stats = `summary.${kind}Stats`;
  if (DATES.has(attribute)) return [`${stats}.dates.${attribute}`, `${stats}.dates.${flagOf(attribute)}`];
  const figures = `${stats}.periods.${period}`;
  const base = attribute.replace(/Delta$/, '');
  if (FLAGGED[kind].has(base)) return [`${figures}.${attribute}`, `${figures}.${flagOf(base)}`];
  if (PLAIN[kind].has(base)) return [`${figures}.${attribute}`];
  throw refused('invalid sort attribute');
}

const flagOf = (figure: string) => `has${figure.charAt(0).toUpperCase()}${figure.slice(1)}`;
const refused = (what: string) => new BadRequest(`bad request: invalid sort parameter, ${what}`);
