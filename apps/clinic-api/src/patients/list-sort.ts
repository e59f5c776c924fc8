import { BadRequest } from '@caregate/service';
import type { Kind } from './summaries.ts';

/** In which order patients are listed; those that are equal by age of their record. */
export interface Order {
  readonly path: string;
  readonly direction: 1 | -1;
  /** The figure that `path` leads to. */
  readonly figure?: Figure;
  /** Patients without it come last in either direction; otherwise having none is less than all else. */
  readonly noneLast?: true;
  /** Down an index that is read backwards, equal ones are backwards too. */
  readonly youngestFirst?: true;
}

/** A figure of a summary, of a period or, as a moment, of none. */
export interface Figure {
  readonly kind: Kind;
  readonly name: string;
  readonly period?: string;
}

export interface SortInput {
  /** `+` or `-`, then an attribute. */
  readonly sort?: string;
  readonly sortType?: string;
  readonly period?: string;
}

export const DEFAULT_PERIOD = '14d';

const RANGES = ['VeryLow', 'AnyLow', 'Low', 'Target', 'High', 'VeryHigh', 'ExtremeHigh', 'AnyHigh'];
const times = (units: readonly string[]) => RANGES.flatMap((range) => units.map((unit) => `timeIn${range}${unit}`));

/** Figures of a period that need not be there. */
const OPTIONAL: Readonly<Record<Kind, ReadonlySet<string>>> = {
  cgm: new Set([
    ...times(['Percent', 'Minutes', 'Records']),
    ...['averageGlucoseMmol', 'glucoseManagementIndicator', 'totalRecords', 'averageDailyRecords'],
    ...['timeCGMUsePercent', 'timeCGMUseMinutes', 'timeCGMUseRecords'],
  ]),
  bgm: new Set([...times(['Percent', 'Records']), 'averageGlucoseMmol', 'totalRecords', 'averageDailyRecords']),
};

const PLAIN: Readonly<Record<Kind, ReadonlySet<string>>> = {
  cgm: new Set(['min', 'max', 'standardDeviation', 'coefficientOfVariation', 'hoursWithData', 'daysWithData']),
  bgm: new Set(['min', 'max', 'standardDeviation', 'coefficientOfVariation']),
};

/** The direction in which an index of these is read backwards. */
const BACKWARDS: ReadonlyMap<string, 1 | -1> = new Map([
  ['fullName', -1],
  ['birthDate', -1],
  ['lastData', 1],
]);

const DATES = new Set(['lastUploadDate', 'lastData', 'firstData', 'outdatedSince']);

const OF_PATIENT: Readonly<Record<string, string>> = {
  fullName: 'sortName',
  birthDate: 'birthDate',
  tags: 'tags',
  lastReviewed: 'reviews.0.time',
};

export const BY_NAME: Order = { path: 'sortName', direction: 1 };

/**
 * By name unless `sort` says otherwise.
 * @throws {BadRequest} for an attribute that the kind of data does not have
 */
export function orderOf({ sort, sortType, period = DEFAULT_PERIOD }: SortInput): Order {
  if (sort === undefined) return BY_NAME;
  if (sortType === undefined) throw refused('missing type');
  const direction = sort.startsWith('-') ? -1 : 1;
  const attribute = sort.slice(1);
  const own = Object.hasOwn(OF_PATIENT, attribute) ? OF_PATIENT[attribute] : undefined;
  // The contract says that the type is one of the two.
  const what = own === undefined ? figureOf(attribute, sortType as Kind, period) : { path: own };
  return { direction, ...what, ...(BACKWARDS.get(attribute) === direction && { youngestFirst: true }) };
}

/** As MongoDB takes it. */
export function sortOf({ path, direction, youngestFirst }: Order): [string, 1 | -1][] {
  return [
    [path, direction],
    ['_id', youngestFirst ? -1 : 1],
  ];
}

/** Where a figure stands in a patient. */
export const pathOf = ({ kind, name, period }: Figure) =>
  period === undefined ? `summary.${kind}Stats.dates.${name}` : `summary.${kind}Stats.periods.${period}.${name}`;

function figureOf(attribute: string, kind: Kind, period: string): Pick<Order, 'path' | 'figure' | 'noneLast'> {
  const base = attribute.replace(/Delta$/, '');
  const figure = DATES.has(attribute) ? { kind, name: attribute } : { kind, name: attribute, period };
  if (DATES.has(attribute) || OPTIONAL[kind].has(base)) return { path: pathOf(figure), figure, noneLast: true };
  if (PLAIN[kind].has(base)) return { path: pathOf(figure), figure };
  throw refused('invalid sort attribute');
}

const refused = (what: string) => new BadRequest(`bad request: invalid sort parameter, ${what}`);
