import { Injectable } from '@nestjs/common';
import type { ClinicSchemas } from '@caregate/contracts';
import { idOf } from '../clinics/clinics.repository.ts';
import { idsFrom } from '../patients/patient-details.ts';
import { wireTime } from '../patients/wire-time.ts';
import { categoriesOf, FILTERS, SCHEMA_VERSION, THRESHOLDS } from './tide-categories.ts';
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
    const report = await this.patients.report(clinicId, {
      tags: idsFrom(query.tags),
      period: query.period,
      cutoff,
      categories: categoriesOf(query.categories),
      excludeNoData: query.excludeNoData ?? false,
    });
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
