import { lineChart } from './charts.ts';
import { atMost, digits, type Row } from './rows.ts';

export interface SoakSample {
  readonly seconds: number;
  readonly rssMb: number;
  readonly heapMb: number;
  /** Sockets, timers and the like that keep the process busy. */
  readonly resources: number;
}

export interface SoakFigures {
  readonly seconds: number;
  readonly requests: number;
  readonly rps: number;
  readonly samples: readonly SoakSample[];
}

const MOST_GROWTH = 0.05;
const MOST_MIB = 200;
const WARM_UP = 0.25;

/** The first quarter is warming up; the rest is told by its trend, a line of least squares. */
export function trendOf(samples: readonly SoakSample[], field: 'rssMb' | 'heapMb' | 'resources') {
  const warm = samples.slice(Math.floor(samples.length * WARM_UP));
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(warm.map(({ seconds }) => seconds)), mean(warm.map((sample) => sample[field]))];
  const over = warm.reduce((sum, sample) => sum + (sample.seconds - x) * (sample[field] - y), 0);
  const square = warm.reduce((sum, { seconds }) => sum + (seconds - x) ** 2, 0);
  const perSecond = square > 0 ? over / square : 0;
  const lasted = (warm.at(-1)?.seconds ?? 0) - (warm[0]?.seconds ?? 0);
  return { perHour: perSecond * 3_600, grewBy: perSecond * lasted, mean: y };
}

export function soakRows({ seconds, requests, rps, samples }: SoakFigures): Row[] {
  const minutes = digits(seconds / 60);
  const row = (field: 'rssMb' | 'heapMb' | 'resources', what: string, unit: string): Row => {
    const { perHour, grewBy, mean } = trendOf(samples, field);
    return {
      what: `${what} over ${minutes} min`,
      target: `grows by at most ${MOST_GROWTH * 100} %`,
      value: `${digits(grewBy)}${unit} at ${digits(mean)}${unit}`,
      beside: `${digits(perHour)}${unit} an hour`,
      short: atMost(grewBy, mean * MOST_GROWTH),
    };
  };
  return [
    { what: 'requests in the soak, half of them writes', value: String(requests), beside: `${digits(rps)}/s` },
    row('rssMb', 'memory (RSS)', ' MiB'),
    row('heapMb', 'heap in use, at its lowest between samples', ' MiB'),
    row('resources', 'sockets, timers and the like', ''),
    {
      what: 'memory (RSS) in the soak, at most',
      target: `under ${MOST_MIB} MiB`,
      value: `${digits(Math.max(...samples.map(({ rssMb }) => rssMb)))} MiB`,
      short: atMost(Math.max(...samples.map(({ rssMb }) => rssMb)), MOST_MIB),
    },
  ];
}

export const soakPlots = ({ samples }: SoakFigures): Record<string, string> => ({
  'soak.svg': lineChart({
    title: 'Memory of clinic-api under a steady mix of reads and writes',
    x: { name: 'minutes' },
    y: { name: 'MiB', min: 0 },
    lines: (['rssMb', 'heapMb'] as const).map((field) => ({
      name: field === 'rssMb' ? 'RSS' : 'heap in use',
      points: samples.map(
        (sample) => [Number((sample.seconds / 60).toFixed(3)), Math.round(sample[field] * 10) / 10] as const,
      ),
    })),
  }),
});
