import { atLeast, atMost, digits, type Row } from './rows.ts';

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
  readonly idleRssMb: number | undefined;
  /** At most, under load. */
  readonly rssMb: number;
  readonly caregate: Readonly<Record<string, Measured>>;
  readonly bare: Readonly<Record<string, Measured>>;
  /** New patients a second in a clinic of a hundred and in the big one. */
  readonly createsBySize: { readonly small: number; readonly big: number } | undefined;
}

interface Target {
  /** Requests a second of the public service on 2 cores at 10 000 patients. */
  readonly public?: number;
  readonly times?: number;
  readonly ofBare?: number;
}

const TARGETS: Readonly<Record<string, Target>> = {
  get_clinic: { public: 940, ofBare: 0.5 },
  get_clinic_big: { public: 36, ofBare: 0.5 },
  list_patients: { public: 25, times: 30, ofBare: 0.5 },
  search_patients: { public: 34, times: 10 },
  create_patient_1000: { public: 138, times: 4 },
  create_patient: {},
  update_clinic: { public: 620, times: 1.5 },
  update_patient: { public: 245, times: 4 },
};
const MOST_P99_PER_P50 = 5;
const MOST_APART = 0.15;
const OF_SMALL = 0.9;
const START_SECONDS = 2;
const RSS_MIB = 200;

/** Each target of the issue with what was measured. */
export function loadRows(figures: LoadFigures): Row[] {
  return [
    ...Object.values(figures.caregate).flatMap((own) => rowsOf(own, figures.bare[own.scenario])),
    ...apartRow(figures),
    ...createsRow(figures),
    {
      what: 'start until ready',
      target: `under ${START_SECONDS} s`,
      value: `${figures.startSeconds.toFixed(1)} s`,
      short: atMost(figures.startSeconds, START_SECONDS),
    },
    {
      what: 'memory (RSS) under load, at most',
      target: `under ${RSS_MIB} MiB`,
      value: `${Math.round(figures.rssMb)} MiB`,
      ...(figures.idleRssMb !== undefined && { beside: `idle ${Math.round(figures.idleRssMb)} MiB` }),
      short: atMost(figures.rssMb, RSS_MIB),
    },
  ];
}

function rowsOf({ scenario, rps, p50ms, p99ms }: Measured, bare: Measured | undefined): Row[] {
  const { public: peer, times, ofBare } = TARGETS[scenario] ?? {};
  const wanted = peer !== undefined && times !== undefined ? peer * times : undefined;
  const besides = [bare && `bare ${digits(bare.rps)}/s`, peer !== undefined && `public ${peer}/s`].filter(Boolean);
  const rate: Row = {
    what: scenario,
    value: `${digits(rps)}/s`,
    beside: besides.join(', '),
    ...(wanted !== undefined && { target: `at least ${wanted}/s`, short: atLeast(rps, wanted) }),
  };
  const part = bare ? rps / bare.rps : 0;
  return [
    rate,
    ...(ofBare !== undefined && bare
      ? [
          {
            what: `${scenario}, part of bare`,
            target: `at least ${ofBare}`,
            value: part.toFixed(2),
            short: atLeast(part, ofBare),
          },
        ]
      : []),
    {
      what: `${scenario}, p99 ${p99ms} ms by p50 ${p50ms} ms`,
      target: `under ${MOST_P99_PER_P50}`,
      value: (p99ms / p50ms).toFixed(1),
      ...(bare && { beside: `bare ${(bare.p99ms / bare.p50ms).toFixed(1)}` }),
      short: atMost(p99ms / p50ms, MOST_P99_PER_P50),
    },
  ];
}

function apartRow({ caregate }: LoadFigures): Row[] {
  const [small, big] = [caregate['get_clinic'], caregate['get_clinic_big']];
  if (!small || !big) return [];
  const apart = Math.abs(small.rps - big.rps) / Math.max(small.rps, big.rps);
  return [
    {
      what: 'get_clinic and get_clinic_big apart',
      target: `within ${MOST_APART * 100} %`,
      value: `${Math.round(apart * 100)} %`,
      short: atMost(apart, MOST_APART),
    },
  ];
}

function createsRow({ createsBySize, patients }: LoadFigures): Row[] {
  if (!createsBySize) return [];
  const { small, big } = createsBySize;
  return [
    {
      what: `new patients at ${patients}, part of the rate at 100`,
      target: `at least ${OF_SMALL}`,
      value: (big / small).toFixed(2),
      beside: `${digits(big)}/s and ${digits(small)}/s`,
      short: atLeast(big / small, OF_SMALL),
    },
  ];
}
