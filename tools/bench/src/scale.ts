import type { EventFigures } from './events-report.ts';
import type { LoadFigures } from './load-report.ts';
import { figuresOf } from './pages.ts';
import { markdown } from './rows.ts';
import { indexBytes, type SizeFigures } from './sizes-report.ts';

/** What is assumed, beside what was measured; docs/scale.md says why. */
const SHARD = { clinics: 1_000, patients: 1_000_000 };
const SHARDS = 100;
const EACH_DAY = { summaries: 2, reads: 2, changes: 0.1, created: 0.002 };
/** The busiest hour has so many times the mean. */
const PEAK = 4;
/** Days that the oplog is to reach back: longer than a weekend without a person. */
const OPLOG_DAYS = 3;
/** Of the data, what is in use at a time; indexes are in whole. */
const HOT = 0.1;
const RETENTION_DAYS = 7;
const COPIES = 3;

const GIB = 2 ** 30;
const DAY_SECONDS = 86_400;

/** The plan as tables, computed from what the benches have left in dist/bench. */
export async function scalePlan(): Promise<string> {
  const sizes = await figuresOf<SizeFigures>('sizes');
  if (!sizes) return 'Nothing is planned without measured sizes: node tools/bench/src/main.ts sizes';
  return planOf(sizes, await figuresOf<EventFigures>('events'), await figuresOf<LoadFigures>('load'));
}

export function planOf(
  sizes: SizeFigures,
  events: Pick<EventFigures, 'streams' | 'caregate'> | undefined,
  load: Pick<LoadFigures, 'caregate'> | undefined,
): string {
  const need = needOf(sizes, events);
  const gib = (bytes: number) => (bytes / GIB >= 10 ? (bytes / GIB).toFixed(0) : (bytes / GIB).toFixed(1));
  const writes = load?.caregate['update_patient']?.rps;
  const reads = load?.caregate['list_patients']?.rps;
  const row = (what: string, value: number, unit: string, show: (value: number) => string = whole) => [
    what,
    `${show(value)} ${unit}`,
    `${show(value * SHARDS)} ${unit}`,
  ];
  const rows = [
    ['**MongoDB**', '', ''],
    row('data on disk, each member', need.storedBytes, 'GiB', gib),
    row('indexes, each member', need.indexBytes, 'GiB', gib),
    row(`oplog of ${OPLOG_DAYS} days, each member`, need.oplogBytes, 'GiB', gib),
    row(`memory for the working set (indexes, ${HOT * 100} % of the data)`, need.workingSetBytes, 'GiB', gib),
    row('audit entries of a year, each member', need.auditBytes, 'GiB', gib),
    row('writes a second, mean', need.writesPerSecond, '/s', oneDigit),
    row(`writes a second, busiest hour (${PEAK} times)`, need.writesPerSecond * PEAK, '/s', oneDigit),
    ...(need.streams
      ? [
          ['**Kafka**', '', ''],
          row('topics', need.streams.topics, ''),
          row(`partitions (times ${COPIES} with copies)`, need.streams.partitions, ''),
          row(`kept ${RETENTION_DAYS} days, ${COPIES} copies`, need.kafkaBytes, 'GiB', gib),
          ['**Connect**', '', ''],
          row('connectors', need.streams.connectors, ''),
          row('tasks', need.streams.tasks, ''),
        ]
      : []),
    ...(writes !== undefined && reads !== undefined
      ? [
          ['**clinic-api**', '', ''],
          row('lists a second, busiest hour', need.readsPerSecond * PEAK, '/s', oneDigit),
          [
            'copies for the busiest hour, by what one did in the bench',
            String(copies(need, reads, writes)),
            String(copies(need, reads, writes) * SHARDS),
          ],
        ]
      : []),
  ];
  return [
    `Computed from figures of a clinic of ${sizes.patients} patients${events ? ' and of the bench of events' : '; Kafka and Connect are missing, the bench of events has not run'}.`,
    markdown(
      ['', `one shard: ${whole(SHARD.clinics)} clinics, ${whole(SHARD.patients)} patients`, `${SHARDS} shards`],
      rows,
    ),
    `A patient takes ${whole(need.bytesPerPatient)} bytes on disk with indexes, ${whole(need.oplogPerPatientDay)} bytes of oplog a day.`,
  ].join('\n\n');
}

interface Need {
  readonly storedBytes: number;
  readonly indexBytes: number;
  readonly oplogBytes: number;
  readonly auditBytes: number;
  readonly workingSetBytes: number;
  readonly writesPerSecond: number;
  readonly readsPerSecond: number;
  readonly kafkaBytes: number;
  readonly streams: EventFigures['streams'];
  readonly bytesPerPatient: number;
  readonly oplogPerPatientDay: number;
}

function needOf(sizes: SizeFigures, events: Pick<EventFigures, 'streams'> | undefined): Need {
  const kept = sizes.collections.filter(({ name }) => name !== 'audit_entries'); // these grow with writes, not with patients
  const stored = kept.reduce((sum, { storedBytes }) => sum + storedBytes, 0) / sizes.patients;
  const index = kept.reduce((sum, each) => sum + indexBytes(each), 0) / sizes.patients;
  const oplog = (write: string) => sizes.oplogBytes[write] ?? 0;
  const oplogPerPatientDay =
    EACH_DAY.summaries * oplog('new summary') +
    EACH_DAY.changes * oplog('changed patient') +
    EACH_DAY.created * oplog('new patient');
  const { patients } = SHARD;
  const audit = sizes.collections.find(({ name }) => name === 'audit_entries');
  const auditEach = audit ? (audit.storedBytes + indexBytes(audit)) / audit.documents : 0;
  const writesPerDay = (EACH_DAY.summaries + EACH_DAY.changes + EACH_DAY.created) * patients;
  const changesPerDay = (EACH_DAY.changes + EACH_DAY.created) * patients;
  return {
    storedBytes: stored * patients,
    indexBytes: index * patients,
    oplogBytes: oplogPerPatientDay * OPLOG_DAYS * patients,
    auditBytes: auditEach * writesPerDay * 365,
    workingSetBytes: (index + stored * HOT) * patients,
    writesPerSecond: writesPerDay / DAY_SECONDS,
    readsPerSecond: (EACH_DAY.reads * patients) / DAY_SECONDS,
    kafkaBytes: (events?.streams?.bytesPerEvent ?? 0) * changesPerDay * RETENTION_DAYS * COPIES,
    streams: events?.streams,
    bytesPerPatient: stored + index,
    oplogPerPatientDay,
  };
}

/** At half of what one copy did, so that one may fail; never fewer than two. */
const copies = ({ readsPerSecond, writesPerSecond }: Need, reads: number, writes: number) =>
  Math.max(2, Math.ceil(2 * PEAK * (readsPerSecond / reads + writesPerSecond / writes)));

const whole = (value: number) => Math.round(value).toLocaleString('en').replaceAll(',', ' ');
const oneDigit = (value: number) => (value >= 100 ? whole(value) : value.toFixed(1));
