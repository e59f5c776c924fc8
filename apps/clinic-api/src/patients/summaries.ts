import type { ClinicInputs, ClinicSchemas } from '@caregate/contracts';
import { wireTime } from './wire-time.ts';

/** Figures of glucose data: made by the data service, kept and shown here. Its moments are stored as dates, so that they can be compared. */
export const KINDS = ['cgm', 'bgm'] as const;
export type Kind = (typeof KINDS)[number];

type Stats = ClinicInputs['CgmStats'] | ClinicInputs['BgmStats'];
export type SummaryInput = ClinicInputs['PatientSummary'];
export type StoredStats = Omit<Stats, 'dates'> & { readonly dates?: Readonly<Record<string, unknown>> };
export interface StoredSummary {
  readonly cgmStats?: StoredStats;
  readonly bgmStats?: StoredStats;
}

const MOMENTS = new Set([
  'lastUpdatedDate',
  'firstData',
  'lastData',
  'lastUploadDate',
  'outdatedSince',
  'outdatedSinceLimit',
]);

/** What is to be set in a patient's summary: the kinds that were sent; the other stays as it is. */
export function summaryChanges({ cgmStats, bgmStats }: SummaryInput): Record<string, StoredStats> {
  return {
    ...(cgmStats && { 'summary.cgmStats': stored(cgmStats) }),
    ...(bgmStats && { 'summary.bgmStats': stored(bgmStats) }),
  };
}

function stored({ dates, ...stats }: Stats): StoredStats {
  if (!dates) return stats;
  // The contract says that each of these is a moment in RFC 3339.
  const asDates = Object.entries(dates).map(([name, value]) => [
    name,
    MOMENTS.has(name) ? new Date(value as string) : value,
  ]);
  return { ...stats, dates: Object.fromEntries(asDates) };
}

/** A summary as clients see it. */
export function summaryView(summary: StoredSummary): ClinicSchemas['PatientSummary'] {
  const { cgmStats, bgmStats } = summary;
  return { ...(cgmStats && { cgmStats: shown(cgmStats) }), ...(bgmStats && { bgmStats: shown(bgmStats) }) };
}

function shown<T>({ dates, ...stats }: StoredStats): T {
  const written =
    dates && Object.entries(dates).map(([name, value]) => [name, value instanceof Date ? wireTime(value) : value]);
  // What `stored` made of the contract's own form.
  return { ...stats, ...(written && { dates: Object.fromEntries(written) }) } as T;
}
