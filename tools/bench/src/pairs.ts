import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { SCENARIOS } from './load.ts';
import { COMPAT, leftOut, LoadTool, startMeasuredApi, startPlace } from './load-tool.ts';
import { type Pair, pairsTable } from './pairs-report.ts';
import { withCleanup } from './with-cleanup.ts';

const HELP = `Usage: node tools/bench/src/main.ts pairs --other FOLDER [--compat FOLDER] [--patients N] [--seconds N] [--pairs N] [--scenarios a,b] [--json FILE]

Whether a change made requests slower: this build of the clinic API and another one, by turns on one mongod, each with a database of its own.
Each pair is a turn of both, one directly after the other, and the ratio of this build to the other is taken within the pair.

  --other FOLDER     the other build's dist/apps, such as that of a worktree of the commit before
  --compat FOLDER    where load.mjs and stub-backends.mjs are (${COMPAT})
  --patients N       of the big clinic (2000)
  --seconds N        a turn takes, for each scenario (4)
  --pairs N          of turns, for each scenario (7)
  --scenarios a,b    only these
  --json FILE        where the figures go (dist/bench/pairs.json)
`;

/** The bench of two builds. @returns the exit status */
export async function pairs(args: readonly string[], say: (line: string) => void = console.log): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', short: 'h' },
      other: { type: 'string' },
      compat: { type: 'string', default: COMPAT },
      patients: { type: 'string', default: '2000' },
      seconds: { type: 'string', default: '4' },
      pairs: { type: 'string', default: '7' },
      scenarios: { type: 'string', default: SCENARIOS.join(',') },
      json: { type: 'string', default: 'dist/bench/pairs.json' },
    },
  });
  if (values.help) {
    say(HELP);
    return 0;
  }
  if (values.other === undefined) {
    say('pairs: --other is needed: the dist/apps of the build to compare with');
    return 2;
  }
  const missing = leftOut('the bench of pairs', values.compat);
  if (missing !== undefined) {
    say(missing);
    return 0;
  }
  const plan = {
    ...{ other: resolve(values.other), compat: values.compat, scenarios: values.scenarios.split(',') },
    ...{ patients: Number(values.patients), seconds: Number(values.seconds), count: Number(values.pairs) },
  };
  const measured = await measure(plan, say);
  await mkdir(dirname(values.json), { recursive: true });
  await writeFile(values.json, `${JSON.stringify(measured, undefined, 2)}\n`);
  say(`\n${pairsTable(measured)}\n\nAll figures: ${values.json}`);
  return 0;
}

interface Plan {
  readonly other: string;
  readonly compat: string;
  readonly scenarios: readonly string[];
  readonly patients: number;
  readonly seconds: number;
  readonly count: number;
}

const measure = (plan: Plan, say: (line: string) => void): Promise<Pair[]> =>
  withCleanup(async (later) => {
    const scratch = await mkdtemp(join(tmpdir(), 'caregate-bench-'));
    later(() => rm(scratch, { recursive: true }));
    const place = await startPlace(plan.compat, later, say);
    const toolFor = async (name: string, dist?: string) => {
      const { app } = await startMeasuredApi({ ...place, database: `${place.database}_${name}` }, { dist });
      later(() => app.stop());
      return new LoadTool({ ...plan, url: app.url, pid: app.pid, state: join(scratch, name) });
    };
    const [here, other] = [await toolFor('here'), await toolFor('other', plan.other)];
    const measured: Pair[] = [];
    for (let turn = 1; turn <= plan.count; turn++) {
      for (const scenario of plan.scenarios) {
        // Whoever comes first in a pair comes second in the next.
        const first = turn % 2 === 1 ? here : other;
        const one = await first.run(scenario);
        const two = await (first === here ? other : here).run(scenario);
        const [mine, theirs] = first === here ? [one, two] : [two, one];
        measured.push({ scenario, here: mine.rps, other: theirs.rps });
        say(`pair ${turn} of ${plan.count}: ${scenario}, here ${mine.rps} a second, other ${theirs.rps}`);
      }
    }
    return measured;
  });
