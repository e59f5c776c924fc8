import { parse as parseCsv } from 'csv-parse/sync';
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { CommandFailed } from './command-failed.ts';

/** A key as a file has it, and the line that it stands in. */
export interface KeyLine {
  readonly line: number;
  readonly key: string;
  readonly name?: string;
}

export interface BadLine {
  readonly line: number;
  readonly reason: string;
}

export interface KeyFile {
  readonly keys: readonly KeyLine[];
  readonly bad: readonly BadLine[];
}

/**
 * Reads a file of API keys: CSV whose first line names the columns `key` and, perhaps, `name`, or a JSON list of
 * `{"key": …, "name": …}`. No message repeats what stands in the file.
 * @throws {CommandFailed} when none of it can be read
 */
export function readKeyFile(text: string, format: 'csv' | 'json'): KeyFile {
  return format === 'json' ? ofJson(text) : ofCsv(text);
}

const HEAD = 1;

function ofCsv(text: string): KeyFile {
  const bad: BadLine[] = [];
  const rows = parseCsv(text, {
    bom: true,
    record_delimiter: ['\r\n', '\n'],
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    trim: true,
    on_skip: (fault) =>
      void bad.push({
        line: Number(fault?.lines ?? 0),
        reason: 'it is not CSV: is there a quotation mark too few or too many?',
      }),
  }) as unknown as { record: string[]; info: { lines: number } }[]; // what `info` makes of rows
  const [head, ...lines] = rows;
  const columns = head?.record.map((name) => name.toLowerCase()) ?? [];
  const [keyAt, nameAt] = [columns.indexOf('key'), columns.indexOf('name')];
  if (keyAt === -1 || head?.info.lines !== HEAD)
    throw new CommandFailed('the first line of the file must name its columns: key,name');
  return {
    keys: lines.map(({ record, info }) => ({
      line: info.lines,
      key: record[keyAt] ?? '',
      ...(record[nameAt] !== undefined && { name: record[nameAt] }),
    })),
    bad,
  };
}

/** JSON is YAML, whose reader knows the line of everything. */
function ofJson(text: string): KeyFile {
  const counter = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: counter,
    version: '1.2',
    schema: 'json',
    strict: true,
    uniqueKeys: true,
  });
  if (document.errors[0]) {
    const [place] = document.errors[0].linePos ?? [];
    throw new CommandFailed(`the file is not JSON${place ? `: look at line ${place.line}` : ''}`);
  }
  if (!isSeq(document.contents)) throw new CommandFailed('the file must be a list of {"key": …, "name": …}');
  const keys: KeyLine[] = [];
  const bad: BadLine[] = [];
  for (const item of document.contents.items as Node[]) {
    // a list has nodes
    const line = counter.linePos(item.range?.[0] ?? 0).line;
    const [key, name] = [textOf(item, 'key'), textOf(item, 'name')];
    if (key === undefined || name === null || key === null)
      bad.push({ line, reason: 'it is not {"key": "…", "name": "…"}' });
    else keys.push({ line, key, ...(name !== undefined && { name }) });
  }
  return { keys, bad };
}

/** Undefined when there is none, null when it is no text. */
function textOf(item: Node, name: string): string | undefined | null {
  if (isAlias(item) || !isMap(item)) return undefined;
  const found: unknown = item.get(name, true);
  if (found === undefined) return undefined;
  return isScalar(found) && typeof found.value === 'string' ? found.value : null;
}
