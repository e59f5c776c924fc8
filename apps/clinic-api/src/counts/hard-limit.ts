import type { ClinicDocument, PatientCountLimit, PatientCountSettings } from '@caregate/clinic-model';
import { PaymentRequired } from '@caregate/service';
import { DEFAULT_TIER } from '../clinics/tiers.ts';

type Limited = Pick<ClinicDocument, 'country' | 'tier' | 'patientCountSettings'>;

/** Says whether limits apply to a clinic at all: only to those of the US, or of no country, on the default tier (behaviour, "Clinics"). */
export const hasLimits = ({ country = 'US', tier }: Limited) => country === 'US' && tier === DEFAULT_TIER;

/**
 * The limits of a clinic: what was set for it, or else the default hard limit; none where no limits apply.
 * What was set stays stored while it does not apply, and applies again when the clinic comes back to the default tier.
 */
export function limitsOf(clinic: Limited, defaultLimit: number): PatientCountSettings {
  if (!hasLimits(clinic)) return {};
  return clinic.patientCountSettings ?? { hardLimit: { plan: defaultLimit } };
}

/** How many plan patients a clinic may have at a moment; undefined when there is no limit then. */
export function hardLimitAt(moment: Date, clinic: Limited, defaultLimit: number): number | undefined {
  const { hardLimit } = limitsOf(clinic, defaultLimit);
  return hardLimit && applies(hardLimit, moment) ? hardLimit.plan : undefined;
}

/**
 * Whether there is room for one more plan patient.
 * @throws {PaymentRequired} when there is none
 */
export function assertRoom(planPatients: number, hardLimit: number | undefined): void {
  if (hardLimit !== undefined && planPatients >= hardLimit) {
    throw new PaymentRequired(
      `payment required: patient count exceeds limit: the clinic has its ${hardLimit} patients; a higher tier allows more`,
    );
  }
}

/** A limit that ends before it begins would never apply. */
export const isPossible = ({ startDate, endDate }: PatientCountLimit) => !startDate || !endDate || startDate <= endDate;

function applies({ startDate, endDate }: PatientCountLimit, moment: Date): boolean {
  return (!startDate || moment >= startDate) && (!endDate || moment <= endDate);
}
