import type { PatientDocument } from '@caregate/clinic-model';
import type { ClinicSchemas } from '@caregate/contracts';
import { dataSourceView, reviewsView, tagIds } from '../patients/patient.view.ts';
import type { StoredSummary } from '../patients/summaries.ts';
import { wireTime } from '../patients/wire-time.ts';

/** The figures that a report shows of a patient. */
export const SHOWN_FIGURES = [
  'averageGlucoseMmol',
  'glucoseManagementIndicator',
  'timeInVeryLowPercent',
  'timeInAnyLowPercent',
  'timeInLowPercent',
  'timeInTargetPercentDelta',
  'timeInHighPercent',
  'timeInVeryHighPercent',
  'timeInExtremeHighPercent',
  'timeInAnyHighPercent',
  'timeInTargetPercent',
  'timeCGMUsePercent',
  'timeCGMUseMinutes',
] as const;

/** What a report needs of a patient. */
export type TidePatient = Pick<
  PatientDocument,
  '_id' | 'userId' | 'fullName' | 'email' | 'tags' | 'reviews' | 'dataSources' | 'summary'
>;

export function tidePatientView(patient: TidePatient, period: string): ClinicSchemas['TideResultPatient'] {
  const { cgmStats } = (patient.summary ?? {}) as StoredSummary; // written by `summaryChanges` only
  const figures: Readonly<Record<string, unknown>> = { ...cgmStats?.periods?.[period] };
  const lastData = cgmStats?.dates?.['lastData'];
  return {
    ...Object.fromEntries(
      SHOWN_FIGURES.flatMap((figure) => (typeof figures[figure] === 'number' ? [[figure, figures[figure]]] : [])),
    ),
    ...(lastData instanceof Date && { lastData: wireTime(lastData) }),
    patient: {
      id: patient.userId,
      fullName: patient.fullName,
      ...(patient.email !== undefined && { email: patient.email }),
      tags: tagIds(patient.tags),
      reviews: reviewsView(patient.reviews),
      dataSources: patient.dataSources?.map(dataSourceView) ?? null,
    },
  };
}
