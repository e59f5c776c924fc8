import { hasPeriod } from '@caregate/clinic-model';
import type { Types } from 'mongoose';
import type { TideCategory } from './tide-categories.ts';

/** At most so many patients in all categories together. */
export const MOST_PATIENTS = 100;
/** At most so many more without data. */
export const MOST_WITHOUT_DATA = 50;

/** No data for so long is worth a look. */
const SILENT_MS = 8 * 60 * 60 * 1000;

/** Which patients a report is about. */
export interface TideScope {
  readonly clinicId: Types.ObjectId;
  /** All of these; the rarest first. */
  readonly tags: readonly Types.ObjectId[];
  readonly period: string;
  readonly cutoff: Date;
}

type Condition = Readonly<Record<string, unknown>>;

const LAST_DATA = 'summary.cgmStats.dates.lastData';
const tagged = ({ clinicId, tags }: TideScope) => ({ clinicId, $and: tags.map((tag): Condition => ({ tags: tag })) });
const pathOf = ({ period }: TideScope, figure: string) => `summary.cgmStats.periods.${period}.${figure}`;
const fits = (scope: TideScope, { figure, operator, threshold }: TideCategory): Condition => ({
  [pathOf(scope, figure)]: { [operator]: threshold },
});
/** Written so that the index of the period decides it. */
const fitsNot = (scope: TideScope, { figure, operator, threshold }: TideCategory): Condition => ({
  [pathOf(scope, figure)]: { $not: { [operator]: threshold } },
});

/** Who is in a category: recent data, the figure fits, and none of the categories before it does, so that each patient is there once. */
export function inCategory(scope: TideScope, category: TideCategory, before: readonly TideCategory[]): Condition {
  const { $and, ...rest } = tagged(scope);
  return {
    ...rest,
    ...hasPeriod(scope.period),
    [LAST_DATA]: { $gte: scope.cutoff },
    $and: [...$and, fits(scope, category), ...before.map((earlier) => fitsNot(scope, earlier))],
  };
}

/** The order within a category: worst first, or best first among those who meet their targets. */
export const orderIn = (scope: TideScope, { figure, first }: TideCategory) =>
  [
    [pathOf(scope, figure), first],
    ['_id', 1],
  ] as const;

/** Those without data, longest first, in two parts that an index leads to each; those who are in the report already are not repeated. */
export function withoutData(
  scope: TideScope,
  now: Date,
  reported: readonly Types.ObjectId[],
): readonly [never: Condition, silent: Condition] {
  const others = { ...tagged(scope), _id: { $nin: reported } };
  const disconnected = { dataSources: { $elemMatch: { providerName: 'dexcom', state: { $ne: 'connected' } } } };
  const never = { ...others, [LAST_DATA]: null };
  const silent = {
    ...others,
    [LAST_DATA]: { $gte: new Date(-8.64e15), $lt: new Date(now.getTime() - SILENT_MS) },
    $or: [{ [LAST_DATA]: { $lt: scope.cutoff } }, disconnected],
  };
  return [never, silent];
}

/** The index that leads to those without data, in this order. */
export const BY_LAST_DATA = [
  [LAST_DATA, 1],
  ['_id', 1],
] as const;

/** Fills a report category by category until it is full; later ones are then empty. */
export async function fillReport<T>(
  categories: readonly TideCategory[],
  find: (category: TideCategory, before: readonly TideCategory[], limit: number) => Promise<readonly T[]>,
): Promise<Map<string, readonly T[]>> {
  const report = new Map<string, readonly T[]>();
  let room = MOST_PATIENTS;
  for (const [i, category] of categories.entries()) {
    const found = room > 0 ? await find(category, categories.slice(0, i), room) : [];
    report.set(category.name, found);
    room -= found.length;
  }
  return report;
}
