import type { BurstResult, SteadyResult } from './events-load.ts';
import type { ProcessorTime } from './events-processor-time.ts';
import type { PaceResult } from './events-worker.ts';

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

export interface EventFigures {
  readonly machine: { readonly cores: number; readonly loadBefore: number; readonly node: string };
  readonly caregate: ReplicationFigures;
  readonly barePair: ReplicationFigures;
  readonly worker: {
    readonly concernsNobody: PaceResult;
    readonly nothingToDo: PaceResult;
    readonly bareConsumer: PaceResult;
  };
}

interface Target {
  readonly what: string;
  readonly limit: string;
  readonly value: (figures: EventFigures) => number;
  readonly peer?: (figures: EventFigures) => number;
  readonly unit: string;
  readonly met: (value: number) => boolean;
}

const TARGETS: readonly Target[] = [
  {
    what: 'steady 200/s, shown in the gatekeeper database, p50',
    limit: 'at most 25',
    unit: 'ms',
    value: ({ caregate }) => caregate.steady.p50,
    peer: ({ barePair }) => barePair.steady.p50,
    met: (value) => value <= 25,
  },
  {
    what: 'the same, p99',
    limit: 'at most 150',
    unit: 'ms',
    value: ({ caregate }) => caregate.steady.p99,
    peer: ({ barePair }) => barePair.steady.p99,
    met: (value) => value <= 150,
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
  },
  {
    what: 'worker, reactions that find nothing to do, each noted once',
    limit: 'at least 1000',
    unit: '/s',
    value: ({ worker }) => worker.nothingToDo.perSecond,
    met: (value) => value >= 1_000,
  },
];

export const shown = (value: number, unit: string) =>
  `${value < 100 ? Math.round(value * 10) / 10 : Math.round(value)}${unit && ` ${unit}`}`;

/** A table for people, beside the JSON for programs. */
export function table(figures: EventFigures): string {
  const rows = TARGETS.map(({ what, limit, value, peer, unit, met }) => {
    const own = value(figures);
    return [
      what,
      limit,
      shown(own, unit),
      peer ? shown(peer(figures), unit) : '',
      limit === '' ? '' : met(own) ? 'met' : 'MISSED',
    ];
  });
  const head = ['', 'target', 'Caregate', 'without our parts', ''];
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  return [line(head), ...rows.map(line)].join('\n');
}

/** What was promised and not reached. */
export const missed = (figures: EventFigures): string[] =>
  TARGETS.filter(({ value, met }) => !met(value(figures))).map(({ what }) => what);
