import { Inject, Injectable } from '@nestjs/common';
import { CLINIC_MODELS, type ClinicModels, readCounts, tideIndex } from '@caregate/clinic-model';
import type { Types } from 'mongoose';
import type { TideCategory } from './tide-categories.ts';
import { BY_LAST_DATA, inCategory, MOST_WITHOUT_DATA, orderIn, type TideScope, withoutData } from './tide-selection.ts';
import { SHOWN_FIGURES, type TidePatient } from './tide.view.ts';

@Injectable()
export class TideRepository {
  constructor(@Inject(CLINIC_MODELS) private readonly models: ClinicModels) {}

  /** Tags, the one that fewest patients carry first: the index is entered by it. */
  async rarestFirst(clinicId: Types.ObjectId, tags: readonly Types.ObjectId[]): Promise<Types.ObjectId[]> {
    const counts = await readCounts(this.models, clinicId);
    const carried = (tag: Types.ObjectId) => counts.tags[tag.toHexString()] ?? 0;
    return [...tags].sort((a, b) => carried(a) - carried(b));
  }

  /** Decided and sorted in the index of the period; only those who are shown are read. */
  async inCategory(
    scope: TideScope,
    category: TideCategory,
    before: readonly TideCategory[],
    limit: number,
  ): Promise<TidePatient[]> {
    const found = await this.patients
      .find(inCategory(scope, category, before), { projection: { _id: 1 }, hint: tideIndex(scope.period) })
      .sort([...orderIn(scope, category)])
      .limit(limit)
      .toArray();
    if (found.length === 0) return [];
    const ids = found.map(({ _id }) => _id);
    const patients = await this.patients.find({ _id: { $in: ids } }, { projection: shownOf(scope.period) }).toArray();
    const byId = new Map(patients.map((patient) => [String(patient._id), patient]));
    return ids.flatMap((_id) => byId.get(String(_id)) ?? []) as unknown as TidePatient[]; // what the projection takes
  }

  async withoutData(scope: TideScope, reported: readonly Types.ObjectId[]): Promise<TidePatient[]> {
    const patients: TidePatient[] = [];
    for (const condition of withoutData(scope, new Date(), reported)) {
      const limit = MOST_WITHOUT_DATA - patients.length;
      if (limit > 0) patients.push(...(await this.byLastData(condition, limit, scope.period)));
    }
    return patients;
  }

  private async byLastData(
    condition: Readonly<Record<string, unknown>>,
    limit: number,
    period: string,
  ): Promise<TidePatient[]> {
    const found = await this.patients
      .find(condition, { projection: shownOf(period), hint: 'by_last_data' })
      .sort([...BY_LAST_DATA])
      .limit(limit)
      .toArray();
    return found as unknown as TidePatient[]; // as above
  }

  private get patients() {
    return this.models.patients.collection;
  }
}

function shownOf(period: string): Record<string, 1> {
  const figures = SHOWN_FIGURES.map((figure) => `summary.cgmStats.periods.${period}.${figure}`);
  const fields = ['userId', 'fullName', 'email', 'tags', 'reviews', 'dataSources', 'summary.cgmStats.dates.lastData'];
  return Object.fromEntries([...fields, ...figures].map((field) => [field, 1 as const]));
}
