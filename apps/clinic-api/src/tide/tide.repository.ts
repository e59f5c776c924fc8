import { Inject, Injectable } from '@nestjs/common';
import { CLINIC_MODELS, type ClinicModels, readCounts } from '@caregate/clinic-model';
import type { Types } from 'mongoose';
import type { TideCategory } from './tide-categories.ts';
import { BY_LAST_DATA, inCategory, MOST_WITHOUT_DATA, orderIn, type TideScope, withoutData } from './tide-selection.ts';
import { SHOWN_FIGURES, type TidePatient } from './tide.view.ts';

type Order = readonly (readonly [string, 1 | -1])[];

@Injectable()
export class TideRepository {
  constructor(@Inject(CLINIC_MODELS) private readonly models: ClinicModels) {}

  /** Tags, the one that fewest patients carry first: the index is entered by it. */
  async rarestFirst(clinicId: Types.ObjectId, tags: readonly Types.ObjectId[]): Promise<Types.ObjectId[]> {
    const counts = await readCounts(this.models, clinicId);
    const carried = (tag: Types.ObjectId) => counts.tags[tag.toHexString()] ?? 0;
    return [...tags].sort((a, b) => carried(a) - carried(b));
  }

  inCategory(
    scope: TideScope,
    category: TideCategory,
    before: readonly TideCategory[],
    limit: number,
  ): Promise<TidePatient[]> {
    return this.find(inCategory(scope, category, before), orderIn(scope, category), limit, scope.period);
  }

  withoutData(scope: TideScope, reported: readonly Types.ObjectId[]): Promise<TidePatient[]> {
    return this.find(withoutData(scope, new Date(), reported), BY_LAST_DATA, MOST_WITHOUT_DATA, scope.period);
  }

  private async find(
    condition: Readonly<Record<string, unknown>>,
    order: Order,
    limit: number,
    period: string,
  ): Promise<TidePatient[]> {
    const found = await this.models.patients.collection
      .find(condition, { projection: shownOf(period), hint: 'by_tag' })
      .sort([...order])
      .limit(limit)
      .toArray();
    return found as unknown as TidePatient[]; // what the projection takes
  }
}

function shownOf(period: string): Record<string, 1> {
  const figures = SHOWN_FIGURES.map((figure) => `summary.cgmStats.periods.${period}.${figure}`);
  const fields = [
    'userId',
    'fullName',
    'email',
    'tags',
    'reviews',
    'dataSources',
    'summary.cgmStats.dates.lastData',
    ...figures,
  ];
  return Object.fromEntries(fields.map((field) => [field, 1 as const]));
}
