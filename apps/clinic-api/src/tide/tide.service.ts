import { Injectable } from '@nestjs/common';
import type { ClinicSchemas } from '@caregate/contracts';
import { idOf } from '../clinics/clinics.repository.ts';
import { idsFrom } from '../patients/patient-details.ts';
import { wireTime } from '../patients/wire-time.ts';
import { categoriesOf, FILTERS, SCHEMA_VERSION, THRESHOLDS } from './tide-categories.ts';
import { fillReport, type TideScope } from './tide-selection.ts';
import { TideRepository } from './tide.repository.ts';
import { type TidePatient, tidePatientView } from './tide.view.ts';

export interface TideQuery {
  readonly period: string;
  readonly tags: readonly string[];
  readonly lastDataCutoff: string;
  readonly categories?: readonly string[];
  readonly excludeNoData?: boolean;
}

/** The TIDE report: which patients of a clinic need attention first. */
@Injectable()
export class TideService {
  constructor(private readonly patients: TideRepository) {}

  async report(clinicIdText: string, query: TideQuery): Promise<ClinicSchemas['TideReport']> {
    const clinicId = idOf(clinicIdText);
    const cutoff = new Date(query.lastDataCutoff);
    const scope: TideScope = {
      clinicId,
      tags: await this.patients.rarestFirst(clinicId, idsFrom(query.tags)),
      period: query.period,
      cutoff,
    };
    const report = await fillReport(categoriesOf(query.categories), (...wanted) =>
      this.patients.inCategory(scope, ...wanted),
    );
    if (!query.excludeNoData) {
      const reported = [...report.values()].flat().map(({ _id }) => _id);
      report.set('noData', await this.patients.withoutData(scope, reported));
    }
    return {
      config: {
        schemaVersion: SCHEMA_VERSION,
        clinicId: clinicIdText,
        period: query.period,
        lastDataCutoff: wireTime(cutoff),
        tags: [...new Set(query.tags)],
        filters: FILTERS,
        ...THRESHOLDS,
      },
      results: resultsView(report, query.period),
    };
  }
}

const resultsView = (report: ReadonlyMap<string, readonly TidePatient[]>, period: string) =>
  Object.fromEntries(
    [...report].map(([category, patients]) => [category, patients.map((patient) => tidePatientView(patient, period))]),
  );
