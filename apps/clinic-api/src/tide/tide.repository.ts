import { Inject, Injectable } from '@nestjs/common';
import { CLINIC_MODELS, type ClinicModels, objectId } from '@caregate/clinic-model';
import type { Types } from 'mongoose';
import { SheetColumns } from '../patients/sheet-columns.ts';
import { columnsOf, selectFrom, type TideScope } from './tide-selection.ts';
import { SHOWN_FIGURES, type TidePatient } from './tide.view.ts';

@Injectable()
export class TideRepository {
  constructor(
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    private readonly columns: SheetColumns,
  ) {}

  /** Decided on the clinic's sheets, by category; only those who are shown are read. */
  async report(clinicId: Types.ObjectId, scope: TideScope): Promise<ReadonlyMap<string, readonly TidePatient[]>> {
    const selected = selectFrom(await this.columns.read(clinicId, columnsOf(scope)), scope, new Date());
    const patients = await this.read([...selected.values()].flat(), scope.period);
    return new Map([...selected].map(([category, ids]) => [category, ids.flatMap((id) => patients.get(id) ?? [])]));
  }

  private async read(ids: readonly string[], period: string): Promise<ReadonlyMap<string, TidePatient>> {
    if (ids.length === 0) return new Map();
    const _id = { $in: ids.map((id) => objectId(id)) };
    const found = await this.models.patients.collection.find({ _id }, { projection: shownOf(period) }).toArray();
    // What the projection takes.
    return new Map(found.map((patient) => [patient._id.toHexString(), patient as unknown as TidePatient]));
  }
}

function shownOf(period: string): Record<string, 1> {
  const figures = SHOWN_FIGURES.map((figure) => `summary.cgmStats.periods.${period}.${figure}`);
  const fields = ['userId', 'fullName', 'email', 'tags', 'reviews', 'dataSources', 'summary.cgmStats.dates.lastData'];
  return Object.fromEntries([...fields, ...figures].map((field) => [field, 1 as const]));
}
