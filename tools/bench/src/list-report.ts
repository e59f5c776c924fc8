export interface Timing {
  readonly group: string;
  readonly request: string;
  /** Milliseconds. */
  readonly min: number;
  readonly p50: number;
  readonly p99: number;
  /** Milliseconds that the API and the database worked for one request. */
  readonly api?: number;
  readonly database?: number;
  readonly keys?: number;
  readonly documents?: number;
}

/** Times something, after a first time that warms up. */
export async function timingOf(
  what: Pick<Timing, 'group' | 'request'>,
  runs: number,
  work: () => Promise<unknown>,
): Promise<Timing> {
  await work();
  const times: number[] = [];
  for (let run = 0; run < runs; run++) {
    const began = performance.now();
    await work();
    times.push(performance.now() - began);
  }
  return { ...what, ...spread(times) };
}

function spread(times: readonly number[]): Pick<Timing, 'min' | 'p50' | 'p99'> {
  const inOrder = [...times].sort((a, b) => a - b);
  const at = (part: number) => inOrder[Math.min(inOrder.length - 1, Math.floor(part * inOrder.length))] ?? 0;
  return { min: at(0), p50: at(0.5), p99: at(0.99) };
}

const COLUMNS = ['min', 'p50', 'p99', 'api', 'database', 'keys', 'documents'] as const;

/** A line for each group, with its worst in each column; then those over the limit, or every request. */
export function groupTable(timings: readonly Timing[], limit: number, every: boolean): string {
  const groups = [...Map.groupBy(timings, ({ group }) => group)].map(([group, each]) => {
    const worst = (column: (typeof COLUMNS)[number]) => Math.max(...each.map((timing) => timing[column] ?? 0));
    const [min, p50, p99, api, database, keys, documents] = COLUMNS.map(worst);
    return row(`${group} (${each.length})`, { min, p50, p99, api, database, keys, documents });
  });
  const slow = timings.filter(({ min }) => min > limit);
  const single = (every ? timings : slow).map((timing) => row(`${timing.group} ${timing.request}`, timing));
  const head =
    named('kind of request, ms, worst of each kind') + COLUMNS.map((column) => column.padStart(WIDTH)).join('');
  return [head, ...groups, '', `over ${limit} ms at their best: ${slow.length} of ${timings.length}`, ...single].join(
    '\n',
  );
}

const WIDTH = 11;
const named = (name: string) => name.slice(0, 120).padEnd(52);
const row = (name: string, values: Partial<Record<(typeof COLUMNS)[number], number | undefined>>) =>
  named(name) +
  COLUMNS.map((column) => {
    const value = values[column];
    const isCount = column === 'keys' || column === 'documents';
    return (value === undefined ? '' : isCount ? String(value) : value.toFixed(1)).padStart(WIDTH);
  }).join('');
