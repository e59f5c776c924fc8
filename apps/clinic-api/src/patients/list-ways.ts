import type { ClinicCounts } from '@caregate/clinic-model';
import type { Types } from 'mongoose';
import { type Condition, type PatientFilter, searchCondition } from './list-filter.ts';
import { type Order, pathOf } from './list-sort.ts';

/** A way to those that may match: an index, the condition that it serves, and about how many documents would be looked at. */
export interface Way {
  readonly hint: string;
  readonly condition: Condition;
  readonly size: number;
}

export type Counts = Pick<ClinicCounts, 'total' | 'tags' | 'sites'>;

/** So few documents are looked at sooner than the sheets of a clinic. */
export const FEW = 100;

export const byTag = ({ tags = [] }: PatientFilter, counts: Counts): Way[] =>
  tags.map((tag) => ({ hint: 'by_tag', condition: { tags: tag }, size: counts.tags[tag.toHexString()] ?? 0 }));

export function bySite({ sites = [] }: PatientFilter, counts: Counts): Way[] {
  if (sites.length === 0) return [];
  const size = sites.reduce((sum, site) => sum + (counts.sites[site.toHexString()] ?? 0), 0);
  return [{ hint: 'by_site', condition: { 'sites._id': sites.length === 1 ? sites[0] : { $in: sites } }, size }];
}

export const shortest = (ways: readonly Way[]): Way | undefined =>
  ways.reduce<Way | undefined>((best, way) => (best && best.size <= way.size ? best : way), undefined);

/** Says whether a filter is nothing, or just one tag or one site, whose count is kept. */
export function labelsOnly({ search, tags, sites, figures, others }: PatientFilter): 'none' | 'one' | 'more' {
  if (search !== undefined || figures.length + Object.keys(others).length > 0) return 'more';
  if (!tags && !sites) return 'none';
  return (tags?.length === 1 && !sites) || (sites?.length === 1 && !tags) ? 'one' : 'more';
}

/** An index of all that is in the order of a list. Few have one: every update of a patient pays for each. */
export const walkOf = ({ path }: Order): string | undefined => IN_ORDER_OF[path];

const IN_ORDER_OF: Readonly<Record<string, string>> = { sortName: 'in_name_order', birthDate: 'by_birth_date' };

/** The way's own condition comes first: of several on one index, MongoDB takes the first. */
export function conditionsOf({ search, tags, sites, figures, others }: PatientFilter, way: Way): Condition[] {
  return [
    way.condition,
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
