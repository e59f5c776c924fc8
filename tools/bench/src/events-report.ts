import type { BurstResult, SteadyResult } from './events-load.ts';
import type { ProcessorTime } from './events-processor-time.ts';
import type { PaceResult } from './events-worker.ts';
import { atLeast, atMost, type Row } from './rows.ts';

/** What was measured of one way from database to database. */
export interface ReplicationFigures {
  readonly copy: { readonly rows: number; readonly perSecond: number };
  readonly steady: SteadyResult;
  readonly burst: BurstResult;
  /** Processor time for each change, in microseconds, by process; at the steady rate what goes on anyway is part of it. */
  readonly steadyMicrosecondsEach: ProcessorTime;
  readonly microsecondsEach: ProcessorTime;
  readonly differences: number;
}

export interface StreamFigures {
  readonly topics: number;
  readonly partitions: number;
  readonly connectors: number;
  readonly tasks: number;
  /** Of a change of a patient's permissions, key and value, before compression. */
  readonly bytesPerEvent: number;
}

export interface EventFigures {
  readonly machine: { readonly cores: number; readonly loadBefore: number; readonly node: string };
  readonly caregate: ReplicationFigures;
  readonly barePair: ReplicationFigures;
  readonly worker: {
    readonly concernsNobody: PaceResult;
    readonly nothingToDo: PaceResult;
    readonly bareConsumer: PaceResult;
  };
  /** What one shard needs of Kafka and Connect. */
  readonly streams?: StreamFigures;
  /** MiB at most, by app. */
  readonly peakRssMb?: Readonly<Record<string, number>>;
}

interface Target {
  readonly what: string;
  readonly limit: string;
  readonly value: (figures: EventFigures) => number;
  readonly peer?: (figures: EventFigures) => number;
  readonly unit: string;
  readonly met: (value: number) => boolean;
  /** By how much it is missed. */
  readonly by?: (value: number) => string | undefined;
}

const TARGETS: readonly Target[] = [
  {
    what: 'steady 200/s, shown in the gatekeeper database, p50',
    limit: 'at most 25',
    unit: 'ms',
    value: ({ caregate }) => caregate.steady.p50,
    peer: ({ barePair }) => barePair.steady.p50,
    met: (value) => value <= 25,
    by: (value) => atMost(value, 25),
  },
  {
    what: 'the same, p99',
    limit: 'at most 150',
    unit: 'ms',
    value: ({ caregate }) => caregate.steady.p99,
    peer: ({ barePair }) => barePair.steady.p99,
    met: (value) => value <= 150,
    by: (value) => atMost(value, 150),
  },
  {
    what: 'changes that were never seen, rows that differ in the end',
    limit: 'none',
    unit: '',
    value: ({ caregate }) => caregate.steady.unseen + caregate.differences,
    peer: ({ barePair }) => barePair.steady.unseen + barePair.differences,
    met: (value) => value === 0,
  },
  {
    what: 'burst, replicated',
    limit: 'at least 3000',
    unit: '/s',
    value: ({ caregate }) => caregate.burst.replicatedPerSecond,
    peer: ({ barePair }) => barePair.burst.replicatedPerSecond,
    met: (value) => value >= 3_000,
    by: (value) => atLeast(value, 3_000),
  },
  {
    what: 'processor time of a change in the burst, all servers and apps',
    limit: '',
    unit: 'µs',
    value: ({ caregate }) => caregate.microsecondsEach['together'] ?? Number.NaN,
    peer: ({ barePair }) => barePair.microsecondsEach['together'] ?? Number.NaN,
    met: () => true,
  },
  {
    what: 'the same at the steady rate, with all that goes on anyway',
    limit: '',
    unit: 'µs',
    value: ({ caregate }) => caregate.steadyMicrosecondsEach['together'] ?? Number.NaN,
    peer: ({ barePair }) => barePair.steadyMicrosecondsEach['together'] ?? Number.NaN,
    met: () => true,
  },
  {
    what: 'first copy of what there is',
    limit: '',
    unit: '/s',
    value: ({ caregate }) => caregate.copy.perSecond,
    peer: ({ barePair }) => barePair.copy.perSecond,
    met: () => true,
  },
  {
    what: 'worker, events that concern nobody',
    limit: 'at least 1000',
    unit: '/s',
    value: ({ worker }) => worker.concernsNobody.perSecond,
    peer: ({ worker }) => worker.bareConsumer.perSecond,
    met: (value) => value >= 1_000,
    by: (value) => atLeast(value, 1_000),
  },
  {
    what: 'worker, reactions that find nothing to do, each noted once',
    limit: 'at least 1000',
    unit: '/s',
    value: ({ worker }) => worker.nothingToDo.perSecond,
    met: (value) => value >= 1_000,
    by: (value) => atLeast(value, 1_000),
  },
];

export const shown = (value: number, unit: string) =>
  `${value < 100 ? Math.round(value * 10) / 10 : Math.round(value)}${unit && ` ${unit}`}`;

/** Each figure with its target and what the bare pair does. */
export const eventRows = (figures: EventFigures): Row[] =>
  TARGETS.map(({ what, limit, value, peer, unit, met, by }) => {
    const own = value(figures);
    return {
      what,
      value: shown(own, unit),
      ...(limit !== '' && { target: limit }),
      ...(peer && { beside: `bare pair ${shown(peer(figures), unit)}` }),
      short: met(own) ? undefined : (by?.(own) ?? 'too many'),
    };
  });
