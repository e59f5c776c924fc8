import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';

const ROOT = join(import.meta.dirname, '../../..');
export const RESULTS = join(ROOT, 'dist/bench');
const PLOTS_OF_DOCS = join(ROOT, 'docs/performance');

/** Puts text between `<!-- NAME:begin -->` and `<!-- NAME:end -->` of a page, in place of what is there. */
export async function writeSection(page: string, name: string, text: string): Promise<void> {
  const path = join(ROOT, page);
  const written = withSection(await readFile(path, 'utf8'), name, text, page);
  await writeFile(path, await format(written, { ...(await resolveConfig(path)), filepath: path })); // pages have the one format
}

export function withSection(page: string, name: string, text: string, title: string): string {
  const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${title} has no section between ${begin} and ${end}`);
  return `${page.slice(0, from + begin.length)}\n\n${text.trim()}\n\n${page.slice(to)}`;
}

/** SVGs by file name, into dist/bench and, when asked, beside docs/performance.md. */
export async function writePlots(plots: Readonly<Record<string, string>>, docs = false): Promise<void> {
  for (const folder of docs ? [RESULTS, PLOTS_OF_DOCS] : [RESULTS]) {
    await mkdir(folder, { recursive: true });
    for (const [name, svg] of Object.entries(plots)) await writeFile(join(folder, name), svg);
  }
}

/** What a bench has left in dist/bench; undefined when it has not run. */
export async function figuresOf<T>(name: string): Promise<T | undefined> {
  const text = await readFile(join(RESULTS, `${name}.json`), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as T); // the bench's own
}

/** When a bench has left its figures, as a day. */
export async function dayOf(file: string): Promise<string> {
  const found = await stat(join(RESULTS, file)).catch(() => undefined);
  return found ? found.mtime.toISOString().slice(0, 10) : '';
}
