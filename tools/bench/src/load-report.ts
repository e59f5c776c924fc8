/** What the load tool measured of one scenario. */
export interface Measured {
  readonly scenario: string;
  readonly rps: number;
  readonly p50ms: number;
  readonly p99ms: number;
  readonly errors: number;
  readonly statuses: Readonly<Record<string, number>>;
}

export interface LoadFigures {
  readonly machine: { readonly cores: number; readonly loadBefore: number; readonly node: string };
  readonly patients: number;
  /** From the start of the process until it is ready. */
  readonly startSeconds: number;
  readonly rssMb: number;
  readonly caregate: Readonly<Record<string, Measured>>;
  readonly bare: Readonly<Record<string, Measured>>;
}

/** Requests a second of the public service on 2 cores at 10 000 patients, and what ours is to reach. */
const TARGETS: Readonly<Record<string, { public?: number; timesPublic?: number; ofBare?: number }>> = {
  get_clinic: { public: 940, ofBare: 0.5 },
  get_clinic_big: { public: 36, ofBare: 0.5 },
  list_patients: { public: 25, timesPublic: 30, ofBare: 0.5 },
  search_patients: { public: 34, timesPublic: 10 },
  create_patient_1000: { public: 138, timesPublic: 4 },
  create_patient: {},
  update_clinic: { public: 620, timesPublic: 1.5 },
  update_patient: { public: 245, timesPublic: 4 },
};
const MOST_P99_PER_P50 = 5;
const MOST_APART = 0.15;

/** What falls short, in words. */
export function missedLoad({ caregate, bare }: LoadFigures): string[] {
  const short = Object.values(caregate).flatMap((own) => missedBy(own, bare[own.scenario]));
  const [small, big] = [caregate.get_clinic, caregate.get_clinic_big];
  if (small && big && Math.abs(small.rps - big.rps) / small.rps > MOST_APART)
    short.push(`get_clinic and get_clinic_big are more than ${MOST_APART * 100} % apart: ${small.rps} and ${big.rps}`);
  return short;
}

function missedBy({ scenario, rps, p50ms, p99ms }: Measured, bare: Measured | undefined): string[] {
  const { public: peer = 0, timesPublic = 0, ofBare = 0 } = TARGETS[scenario] ?? {};
  return [
    ...(rps < peer * timesPublic ? [`${scenario}: ${rps} a second, ${peer * timesPublic} wanted`] : []),
    ...(bare && rps < bare.rps * ofBare ? [`${scenario}: ${times(rps, bare.rps)} of bare, ${ofBare} wanted`] : []),
    ...(p99ms > p50ms * MOST_P99_PER_P50
      ? [`${scenario}: p99 is ${times(p99ms, p50ms)} times p50, ${MOST_P99_PER_P50} allowed`]
      : []),
  ];
}

const times = (value: number, of: number) => (value / of).toFixed(2);

/** A table for people, beside the JSON for programs. */
export function loadTable(figures: LoadFigures): string {
  const head = [
    'requests a second',
    'Caregate',
    'bare',
    'of bare',
    'wanted',
    'public service',
    'times',
    'wanted',
    'p50 ms',
    'p99 ms',
  ];
  const rows = Object.values(figures.caregate).map(({ scenario, rps, p50ms, p99ms }) => {
    const bare = figures.bare[scenario]?.rps;
    const { public: peer, timesPublic, ofBare } = TARGETS[scenario] ?? {};
    const cells = [
      rps,
      bare,
      bare && times(rps, bare),
      ofBare,
      peer,
      peer && times(rps, peer),
      timesPublic,
      p50ms,
      p99ms,
    ];
    return [scenario, ...cells.map((cell) => String(cell ?? ''))];
  });
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row.map((cell, n) => (n === 0 ? cell.padEnd(widths[n] ?? 0) : cell.padStart(widths[n] ?? 0))).join('  ');
  const short = missedLoad(figures);
  return [
    line(head),
    ...rows.map(line),
    `ready ${figures.startSeconds.toFixed(1)} s after its start; at most ${figures.rssMb} MB of memory`,
    ...(short.length > 0 ? ['Falls short:', ...short.map((each) => `- ${each}`)] : ['All targets are met.']),
  ].join('\n');
}
