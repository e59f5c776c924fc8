import { readFileSync } from 'node:fs';

/** How much processor time each process has used, in milliseconds, by its name; those that Linux does not tell are left out. */
export type ProcessorTime = Readonly<Record<string, number>>;

const TICK_MS = 10; // USER_HZ is 100 on all that Linux runs on

export function processorTime(pids: Readonly<Record<string, number | undefined>>): ProcessorTime {
  return Object.fromEntries(
    Object.entries(pids).flatMap(([name, pid]) => {
      const used = pid === undefined ? undefined : usedBy(pid);
      return used === undefined ? [] : [[name, used]];
    }),
  );
}

function usedBy(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // the name before may hold blanks
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS; // utime, stime
  } catch {
    return undefined;
  }
}

/** Microseconds for each of `changes`, by process and together. */
export function perChange(before: ProcessorTime, after: ProcessorTime, changes: number): ProcessorTime {
  const each = Object.entries(after).map(
    ([name, used]) => [name, Math.round(((used - (before[name] ?? 0)) * 1_000) / changes)] as const,
  );
  return { ...Object.fromEntries(each), together: each.reduce((sum, [, used]) => sum + used, 0) };
}
