import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { events } from './events.ts';
import { growth } from './growth.ts';
import { lists } from './lists.ts';
import { load } from './load.ts';
import { moves } from './moves.ts';
import { RESULTS } from './pages.ts';
import { report } from './report.ts';
import { sizes } from './sizes.ts';
import { soak } from './soak.ts';

const HELP = `Usage: make bench
       node tools/bench/src/main.ts all [--short] [--docs] [--only a,b]

Every bench, one after another, and one report of all: dist/bench/report.md with plots beside it. When it is interrupted, or one fails, the
report has what was measured until then. The soak of 20 minutes is a command of its own (\`make soak\`); its last figures are in the report.

  --short      small sizes: shows that everything runs; the figures say nothing
  --docs       writes the tables into docs/performance.md and docs/scale.md, and the plots into docs/performance/
  --only a,b   only these of: load, lists, events, moves, growth, sizes, soak
`;

type Say = (line: string) => void;
interface Bench {
  readonly run: (args: readonly string[], say: Say) => Promise<number>;
  readonly short: readonly string[];
}

/** Lists and sizes leave text; the others their own JSON. */
const ALL: Readonly<Record<string, Bench>> = {
  load: { run: load, short: ['--short'] },
  lists: { run: listsKept, short: ['--patients', '200', '--runs', '1', '--only', 'plain'] },
  events: { run: events, short: ['--rows', '500', '--seconds', '2'] },
  moves: { run: moves, short: ['--patients', '100'] },
  growth: { run: growth, short: ['--patients', '100,200', '--clinics', '1,2', '--each', '50', '--seconds', '0.5'] },
  sizes: { run: sizes, short: ['--patients', '200'] },
};
/** Run only when asked for. */
const ASKED: Readonly<Record<string, Bench>> = {
  soak: { run: soak, short: ['--minutes', '0.3', '--patients', '100'] },
};

/** All benches. @returns the exit status: 1 when one did not run to its end; a missed target is told, and is no failure of the bench */
export async function all(args: readonly string[], say: Say = console.log): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', short: 'h' },
      short: { type: 'boolean' },
      docs: { type: 'boolean' },
      only: { type: 'string', default: Object.keys(ALL).join(',') },
    },
  });
  if (values.help) {
    say(HELP);
    return 0;
  }
  const began = performance.now();
  const minutes = () => ((performance.now() - began) / 60_000).toFixed(1);
  const failed: string[] = [];
  const names = values.only.split(',');
  for (const [n, name] of names.entries()) {
    const bench = { ...ALL, ...ASKED }[name];
    if (!bench) throw new Error(`there is no bench ${name}`);
    say(`\n=== ${name} (${n + 1} of ${names.length}; ${minutes()} min so far)`);
    await rm(join(RESULTS, `${name}.json`), { force: true }); // figures of another run are not of this one
    const status = await bench.run(values.short ? bench.short : [], say).catch((error: unknown) => {
      say(`${name} failed: ${error instanceof Error ? error.message : String(error)}`);
      return 1;
    });
    if (status !== 0) failed.push(name);
    await report([], () => undefined); // what there is so far
  }
  await report(values.docs ? ['--docs'] : [], say);
  if (values.docs) await sizes(['--plan-only', '--docs'], () => undefined);
  say(`\nbench: ${minutes()} minutes${failed.length > 0 ? `; did not run to the end: ${failed.join(', ')}` : ''}`);
  return failed.length > 0 ? 1 : 0;
}

async function listsKept(args: readonly string[], say: Say): Promise<number> {
  const lines: string[] = [];
  const status = await lists(args, (line) => {
    lines.push(line);
    say(line);
  });
  await mkdir(RESULTS, { recursive: true });
  await writeFile(join(RESULTS, 'lists.txt'), `${lines.join('\n')}\n`);
  return status;
}
