import { type ClinicCounts, figureIndex, hasPeriod, INDEXED_FIGURES, lastDataIndexOf } from '@caregate/clinic-model';
import type { Types } from 'mongoose';
import { type Condition, LAST_REVIEW, type PatientFilter, searchCondition } from './list-filter.ts';
import { type Figure, type Order, pathOf } from './list-sort.ts';

/** A way to those that may match: an index, the condition that it serves, and about how many documents would be looked at. */
export interface Way {
  readonly hint: string;
  readonly condition?: Condition;
  readonly size: number;
  /** The index may hold all that is asked, so that only the patients of the page need be read. */
  readonly slim?: true;
}

export type Counts = Pick<ClinicCounts, 'total' | 'tags' | 'sites'>;

/** Looking at an entry of an index is so much cheaper than at a document. */
const INDEX_ONLY = 0.2;

/** In name order through the clinic; a search is decided within the index, by the text that it holds. */
export const throughTheClinic = ({ search }: PatientFilter, { total }: Counts): Way => ({
  hint: 'by_name',
  size: search === undefined ? total : total * INDEX_ONLY,
});

/** Through those who were reviewed ever. */
export const byReview = ({ others }: PatientFilter, { total }: Counts): Way[] =>
  LAST_REVIEW in others ? [{ hint: 'by_last_review', size: total * INDEX_ONLY }] : [];

export const byTag = ({ tags = [] }: PatientFilter, counts: Counts): Way[] =>
  tags.map((tag) => ({ hint: 'by_tag', condition: { tags: tag }, size: counts.tags[tag.toHexString()] ?? 0 }));

export function bySite({ sites = [] }: PatientFilter, counts: Counts): Way[] {
  if (sites.length === 0) return [];
  const size = sites.reduce((sum, site) => sum + (counts.sites[site.toHexString()] ?? 0), 0);
  return [{ hint: 'by_site', condition: { 'sites._id': sites.length === 1 ? sites[0] : { $in: sites } }, size }];
}

/** Through those who have the period at all, or whose last data is known. */
export function byFigures(figures: readonly Figure[], { total }: Counts): Way[] {
  const inPeriod = figures.find(({ period }) => period !== undefined);
  const kind = (inPeriod ?? figures[0])?.kind;
  if (kind === undefined) return [];
  const isIndexed = (figure: Figure) => figure.kind === kind && isInIndex(figure, inPeriod?.period);
  const size = total * (figures.every(isIndexed) ? INDEX_ONLY : 1 - INDEX_ONLY);
  if (inPeriod?.period === undefined)
    return figures.every(isIndexed) ? [{ hint: lastDataIndexOf(kind), size, slim: true }] : [];
  return [{ hint: figureIndex(kind, inPeriod.period), condition: hasPeriod(kind, inPeriod.period), size, slim: true }];
}

function isInIndex({ kind, name, period }: Figure, periodOfIndex: string | undefined): boolean {
  const names: readonly string[] = INDEXED_FIGURES[kind];
  return period === undefined ? name === 'lastData' : period === periodOfIndex && names.includes(name);
}

export const shortest = (ways: readonly [Way, ...Way[]]): Way =>
  ways.reduce((best, way) => (way.size < best.size ? way : best));

/** Says whether a filter is nothing, or just one tag or one site, whose count is kept. */
export function labelsOnly({ search, tags, sites, figures, others }: PatientFilter): 'none' | 'one' | 'more' {
  if (search !== undefined || figures.length + Object.keys(others).length > 0) return 'more';
  if (!tags && !sites) return 'none';
  return (tags?.length === 1 && !sites) || (sites?.length === 1 && !tags) ? 'one' : 'more';
}

/** The way's own condition comes first: of several on one index, MongoDB takes the first. */
export function conditionsOf({ search, tags, sites, figures, others }: PatientFilter, way: Way): Condition[] {
  return [
    way.condition ?? {},
    search === undefined ? {} : searchCondition(search),
    labelCondition('tags', tags && { tags: { $all: tags } }, tags),
    labelCondition('sites', sites && { 'sites._id': { $in: sites } }, sites),
    ...figures.map(({ figure, condition }) => ({ [pathOf(figure)]: condition })),
    others,
  ].filter((condition) => Object.keys(condition).length > 0);
}

function labelCondition(field: string, condition: Condition = {}, wanted?: readonly Types.ObjectId[]): Condition {
  return wanted?.length === 0 ? { [field]: { $size: 0 } } : condition;
}

/** Who has the figure of an order, and who has not. */
export const having = ({ path, figure }: Order): Condition => ({
  [path]: { $gte: figure?.period === undefined ? new Date(-8.64e15) : -Number.MAX_VALUE },
});
export const lacking = ({ path }: Order): Condition => ({ [path]: null });
