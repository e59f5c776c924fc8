import { barChart, lineChart } from './charts.ts';
import { digits, markdown } from './rows.ts';

/** Milliseconds of a request, median, by scenario. */
export type Medians = Readonly<Record<string, number>>;

export interface Growth {
  /** Patients of the one clinic, or clinics of a thousand patients each. */
  readonly of: number;
  readonly p50ms: Medians;
  readonly rps: Medians;
  readonly rssMb: number;
}

export interface GrowthFigures {
  readonly byPatients: readonly Growth[];
  readonly patientsOfEachClinic: number;
  readonly byClinics: readonly Growth[];
  readonly startSeconds: readonly { readonly patients: number; readonly seconds: number }[];
}

/** How time grows with size: it is as size to the power of this. 0 is no growth, 1 is as much as the size. Least squares over logarithms. */
export function exponentOf(points: readonly (readonly [size: number, value: number])[]): number {
  const logs = points.map(([size, value]) => [Math.log(size), Math.log(value)] as const);
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(logs.map(([size]) => size)), mean(logs.map(([, value]) => value))];
  const over = logs.reduce((sum, [size, value]) => sum + (size - x) * (value - y), 0);
  return over / logs.reduce((sum, [size]) => sum + (size - x) ** 2, 0);
}

const scenariosOf = (growths: readonly Growth[]) => Object.keys(growths[0]?.p50ms ?? {});
const pointsOf = (growths: readonly Growth[], scenario: string) =>
  growths.flatMap(({ of, p50ms }) => {
    const value = p50ms[scenario];
    return value === undefined ? [] : [[of, value] as const];
  });
const sizeOf = (size: number) => size.toLocaleString('en').replaceAll(',', ' ');

export function growthTables({ byPatients, byClinics, patientsOfEachClinic, startSeconds }: GrowthFigures): string {
  const table = (growths: readonly Growth[], unit: string) =>
    markdown(
      ['p50 ms (a second)', ...growths.map(({ of }) => `${sizeOf(of)} ${unit}`), 'exponent'],
      [
        ...scenariosOf(growths).map((scenario) => [
          scenario,
          ...growths.map(({ p50ms, rps }) => `${digits(p50ms[scenario] ?? 0)} (${digits(rps[scenario] ?? 0)})`),
          growths.length > 1 ? exponentOf(pointsOf(growths, scenario)).toFixed(2) : '',
        ]),
        ['memory, MiB', ...growths.map(({ rssMb }) => String(Math.round(rssMb))), ''],
      ],
    );
  return [
    'Time is as size to the power of the exponent: 0 is no growth, 1 is as much as the size. 16 requests at once.',
    table(byPatients, 'patients'),
    `Clinics of ${sizeOf(patientsOfEachClinic)} patients each, requests spread over all of them:`,
    table(byClinics, 'clinics'),
    `Ready after its start: ${startSeconds.map(({ patients, seconds }) => `${seconds.toFixed(1)} s with ${sizeOf(patients)} patients`).join(', ')}.`,
  ].join('\n\n');
}

export function growthPlots({ byPatients, byClinics }: GrowthFigures): Record<string, string> {
  const lines = (growths: readonly Growth[]) =>
    scenariosOf(growths).map((name) => ({ name, points: pointsOf(growths, name) }));
  const y = { name: 'p50 ms', log: true };
  const exponents = (growths: readonly Growth[]) =>
    scenariosOf(growths).map((scenario) => Number(exponentOf(pointsOf(growths, scenario)).toFixed(3)));
  return {
    'growth-patients.svg': lineChart({
      title: 'Time of a request by the size of the clinic',
      x: { name: 'patients', log: true },
      y,
      lines: lines(byPatients),
    }),
    'growth-clinics.svg': lineChart({
      title: 'Time of a request by the number of clinics',
      x: { name: 'clinics', log: true },
      y,
      lines: lines(byClinics),
    }),
    'growth-exponents.svg': barChart({
      title: 'Exponent of growth: 0 is none, 1 is as much as the size',
      unit: '',
      categories: scenariosOf(byPatients),
      series: [
        { name: 'by patients', values: exponents(byPatients) },
        { name: 'by clinics', values: exponents(byClinics) },
      ],
    }),
  };
}
