import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { onInterruption } from '@caregate/stack';
import { RESULTS } from './pages.ts';
import { report } from './report.ts';
import { sizes } from './sizes.ts';

const MAIN = join(import.meta.dirname, 'main.ts');
const HELP = `Usage: make bench
       node tools/bench/src/main.ts all [--short] [--docs] [--only a,b]

Every bench, one after another, and one report of all: dist/bench/report.md with plots beside it. When it is interrupted, or one fails, the
report has what was measured until then. The soak of 20 minutes is a command of its own (\`make soak\`); its last figures are in the report.

  --short      small sizes: shows that everything runs; the figures say nothing, and are not kept for a later report
  --docs       writes the tables into docs/performance.md and docs/scale.md, and the plots into docs/performance/
  --only a,b   only these of: load, lists, events, moves, growth, sizes, soak
`;

type Say = (line: string) => void;

/** What to run for each, in its short form. Each is a program of its own, so that none counts what another has left in memory. */
const SHORT: Readonly<Record<string, readonly string[]>> = {
  load: ['--short'],
  lists: ['--patients', '200', '--runs', '1', '--only', 'plain'],
  events: ['--rows', '500', '--seconds', '2'],
  moves: ['--patients', '100'],
  growth: ['--patients', '100,200', '--clinics', '1,2', '--each', '50', '--seconds', '0.5'],
  sizes: ['--patients', '200'],
  soak: ['--minutes', '0.3', '--patients', '100'],
};
const UNLESS_ASKED = ['soak'];

/** All benches. @returns the exit status: 1 when one did not run to its end; a missed target is told, and is no failure of the bench */
export async function all(args: readonly string[], say: Say = console.log): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', short: 'h' },
      short: { type: 'boolean' },
      docs: { type: 'boolean' },
      only: {
        type: 'string',
        default: Object.keys(SHORT)
          .filter((name) => !UNLESS_ASKED.includes(name))
          .join(','),
      },
    },
  });
  if (values.help) {
    say(HELP);
    return 0;
  }
  if (values.short && values.docs) {
    say('bench: figures of a short run say nothing, so they are not written into docs/; leave out --short or --docs');
    return 2;
  }
  const began = performance.now();
  const minutes = () => ((performance.now() - began) / 60_000).toFixed(1);
  const failed: string[] = [];
  const names = values.only.split(',');
  let child: ChildProcess | undefined;
  let interrupted: NodeJS.Signals | undefined;
  const listenNoMore = onInterruption((signal) => {
    interrupted = signal;
    child?.kill(signal);
  });
  for (const [n, name] of names.entries()) {
    if (interrupted) break;
    const short = SHORT[name];
    if (!short) throw new Error(`there is no bench ${name}`);
    say(`\n=== ${name} (${n + 1} of ${names.length}; ${minutes()} min so far)`);
    await forget(name); // figures of another run are not of this one
    child = spawn(process.execPath, [MAIN, name, ...(values.short ? short : [])], {
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true, // a terminal's Ctrl-C comes once, through this program
    });
    const status = await said(child, name, say);
    if (status !== 0) failed.push(interrupted ? `${name} (${interrupted})` : name);
    await report([], () => undefined); // what there is so far
  }
  listenNoMore();
  await report(values.docs ? ['--docs'] : [], say);
  if (values.docs) await sizes(['--plan-only', '--docs'], () => undefined);
  if (values.short) for (const name of names) await forget(name);
  say(`\nbench: ${minutes()} minutes${failed.length > 0 ? `; did not run to the end: ${failed.join(', ')}` : ''}`);
  return failed.length > 0 ? 1 : 0;
}

async function forget(name: string): Promise<void> {
  for (const kind of ['json', 'txt']) await rm(join(RESULTS, `${name}.${kind}`), { force: true });
}

/** Passes on what a bench says; of lists it is all that is left. @returns its exit status */
async function said(child: ChildProcess, name: string, say: Say): Promise<number | null> {
  const ended = new Promise<number | null>((done) => child.once('close', done));
  const lines: string[] = [];
  if (child.stdout) {
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line);
      say(line);
    }
  }
  const status = await ended;
  if (name === 'lists' && status === 0) {
    await mkdir(RESULTS, { recursive: true });
    await writeFile(join(RESULTS, 'lists.txt'), `${lines.join('\n')}\n`);
  }
  return status;
}
