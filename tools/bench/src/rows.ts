/** A figure beside what it is to be. */
export interface Row {
  readonly what: string;
  /** In words, e.g. "at least 340/s"; none when it is only told. */
  readonly target?: string;
  readonly value: string;
  /** What runs beside it in the same run. */
  readonly beside?: string;
  /** By how much the target is missed, e.g. "12 % below"; undefined when it is met. */
  readonly short?: string | undefined;
}

export const atLeast = (value: number, limit: number): string | undefined =>
  value >= limit ? undefined : `${Math.max(1, Math.round((1 - value / limit) * 100))} % below`;

export const atMost = (value: number, limit: number): string | undefined =>
  value <= limit ? undefined : `${Math.max(1, Math.round((value / limit - 1) * 100))} % above`;

const HEAD = ['', 'target', 'Caregate', 'beside it', ''];
const verdict = ({ target, short }: Row) =>
  target === undefined ? '' : short === undefined ? 'met' : `MISSED: ${short}`;
const cellsOf = (row: Row) => [row.what, row.target ?? '', row.value, row.beside ?? '', verdict(row)];

/** For a terminal. */
export function textTable(rows: readonly Row[]): string {
  const cells = [HEAD, ...rows.map(cellsOf)];
  const widths = HEAD.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells
    .map((row) =>
      row
        .map((cell, n) => (n === 0 ? cell.padEnd(widths[n] ?? 0) : n === 4 ? cell : cell.padStart(widths[n] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** For a page. */
export const markdownTable = (rows: readonly Row[]): string => markdown(HEAD, rows.map(cellsOf));

/** Columns as wide as their widest cell, as the formatter has them. */
export function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const safe = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = head.map((_, column) => Math.max(3, ...safe.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) => `| ${row.map((cell, n) => cell.padEnd(widths[n] ?? 0)).join(' | ')} |`;
  const [first = [], ...others] = safe;
  return [line(first), line(widths.map((width) => '-'.repeat(width))), ...others.map(line)].join('\n');
}

export const missedOf = (rows: readonly Row[]): readonly Row[] => rows.filter(({ short }) => short !== undefined);

/** Three digits say enough. */
export const digits = (value: number): string =>
  Math.abs(value) >= 100 ? String(Math.round(value)) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2);
