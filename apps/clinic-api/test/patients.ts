import type { ClinicClient, ClinicInputs } from '@caregate/contracts';
import { answered, type Harness } from './harness.ts';

let made = 0;

export type NewPatient = Partial<ClinicInputs['Patient']>;

/** What a test says of a patient, and what it does not care about. */
export const person = (given: NewPatient = {}) => ({
  fullName: `Patient ${++made}`,
  birthDate: '1990-01-01',
  ...given,
});

/** Creates a custodial patient. */
export async function newPatient(api: ClinicClient, clinicId: string, given: NewPatient = {}) {
  return answered(
    await api.POST('/v1/clinics/{clinicId}/patients', { params: { path: { clinicId } }, body: person(given) as never }),
  ); // read-only fields are not sent
}

/** Makes an existing user a patient. */
export async function newPatientFromUser(
  harness: Harness,
  clinicId: string,
  body: ClinicInputs['PatientFromUser'] = { permissions: { view: {} } },
) {
  const user = harness.newUser({
    roles: ['patient'],
    profile: { fullName: `User ${++made}`, patient: { birthday: '1980-02-03' } },
  });
  const params = { path: { clinicId, patientId: user.userId } };
  const patient = answered(
    await harness.asService().POST('/v1/clinics/{clinicId}/patients/{patientId}', { params, body }),
  );
  return { ...user, patient };
}

/** The figures that every period of a summary must have, and those that a test is about. */
export function cgmPeriod(figures: Record<string, number> = {}) {
  const flags = FLAGGED.map((figure) => [`has${figure.charAt(0).toUpperCase()}${figure.slice(1)}`, figure in figures]);
  const plain = ['min', 'max', 'standardDeviation', 'coefficientOfVariation', 'hoursWithData', 'daysWithData'];
  return {
    ...Object.fromEntries(flags),
    ...Object.fromEntries(
      plain.flatMap((figure) => [
        [figure, 1],
        [`${figure}Delta`, 0],
      ]),
    ),
    ...figures,
  };
}

const RANGES = ['VeryLow', 'AnyLow', 'Low', 'Target', 'High', 'VeryHigh', 'ExtremeHigh', 'AnyHigh'];
const FLAGGED = [
  ...RANGES.flatMap((range) => ['Percent', 'Minutes', 'Records'].map((unit) => `timeIn${range}${unit}`)),
  ...['Percent', 'Minutes', 'Records'].map((unit) => `timeCGMUse${unit}`),
  ...['averageGlucoseMmol', 'glucoseManagementIndicator', 'totalRecords', 'averageDailyRecords'],
];

export interface SummaryGiven {
  readonly id?: string;
  /** RFC 3339; none when there has never been data. */
  readonly lastData?: string;
  readonly periods?: Record<string, Record<string, number>>;
}

/** A summary of a continuous monitor as the data service sends it. */
export function cgmSummary({ id = '6b057abd09991920b5d73699', lastData, periods = {} }: SummaryGiven = {}) {
  return {
    cgmStats: {
      id,
      config: {
        schemaVersion: 5,
        highGlucoseThreshold: 10,
        veryHighGlucoseThreshold: 13.9,
        lowGlucoseThreshold: 3.9,
        veryLowGlucoseThreshold: 3,
      },
      dates: {
        hasFirstData: false,
        hasLastData: lastData !== undefined,
        hasLastUploadDate: false,
        hasOutdatedSince: false,
        ...(lastData !== undefined && { lastData }),
      },
      periods: Object.fromEntries(Object.entries(periods).map(([period, figures]) => [period, cgmPeriod(figures)])),
    },
  };
}

/** Sends a summary as the data service; gives the status. */
export async function setSummary(harness: Harness, patientId: string, summary: object): Promise<number> {
  const body = summary as never; // made above, or by the test
  const { response } = await harness
    .asService()
    .POST('/v1/patients/{patientId}/summary', { params: { path: { patientId } }, body });
  return response.status;
}
