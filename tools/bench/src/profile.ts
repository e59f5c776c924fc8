import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type CpuProfile, flameGraph, stacksOf, widest } from './flame.ts';
import { SCENARIOS } from './load.ts';
import { COMPAT, leftOut, LoadTool, startMeasuredApi, startPlace } from './load-tool.ts';
import { writePlots, writeSection } from './pages.ts';
import { markdown } from './rows.ts';
import { withCleanup } from './with-cleanup.ts';

const HELP = `Usage: make bench-profile
       node tools/bench/src/main.ts profile [--patients N] [--seconds N] [--scenarios a,b] [--docs]

A flame graph of the API's processor time in each scenario of the load tool, and which functions take most of it. Each scenario gets an API
of its own, and its start is left out.

  --docs   writes them into docs/performance.md and docs/performance/ too
`;

interface Profiled {
  readonly scenario: string;
  readonly widest: readonly { readonly name: string; readonly self: number }[];
}

const SHOWN = 6;

/** Profiles of each scenario. @returns the exit status */
export async function profile(args: readonly string[], say: (line: string) => void = console.log): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', short: 'h' },
      compat: { type: 'string', default: COMPAT },
      patients: { type: 'string', default: '10000' },
      seconds: { type: 'string', default: '8' },
      scenarios: { type: 'string', default: SCENARIOS.filter((name) => name !== 'create_patient_1000').join(',') },
      docs: { type: 'boolean' },
    },
  });
  if (values.help) {
    say(HELP);
    return 0;
  }
  const missing = leftOut('the profiles', values.compat);
  if (missing !== undefined) {
    say(missing);
    return 0;
  }
  const plan = { compat: values.compat, patients: Number(values.patients), seconds: Number(values.seconds) };
  const all = await profiled({ ...plan, scenarios: values.scenarios.split(',') }, say);
  await mkdir('dist/bench', { recursive: true });
  await writeFile('dist/bench/profile.json', `${JSON.stringify(all, undefined, 2)}\n`);
  await writePlots(Object.fromEntries(all.map(({ scenario, svg }) => [`flame-${scenario}.svg`, svg])), values.docs);
  if (values.docs) await writeSection('docs/performance.md', 'profile', widestTable(all));
  say(`\n${widestTable(all)}\n\nFlame graphs: dist/bench/flame-*.svg${values.docs ? ', docs/performance/' : ''}`);
  return 0;
}

export const widestTable = (all: readonly Profiled[]): string =>
  markdown(
    ['scenario', 'widest functions, by processor time in themselves'],
    all.map(({ scenario, widest: most }) => [
      scenario,
      most.map(({ name, self }) => `\`${name}\` ${(self * 100).toFixed(1)} %`).join(', '),
    ]),
  );

interface Plan {
  readonly compat: string;
  readonly patients: number;
  readonly seconds: number;
  readonly scenarios: readonly string[];
}

const profiled = (plan: Plan, say: (line: string) => void): Promise<(Profiled & { svg: string })[]> =>
  withCleanup(async (later) => {
    const scratch = await mkdtemp(join(tmpdir(), 'caregate-profile-'));
    later(() => rm(scratch, { recursive: true }));
    const place = await startPlace(plan.compat, later, say);
    const results: (Profiled & { svg: string })[] = [];
    const state = join(scratch, 'state.json');
    const toolOf = (url: string, pid: number | undefined) => new LoadTool({ ...plan, url, pid, state });
    say('seeding ...');
    const { app: seeding } = await startMeasuredApi(place);
    later(() => seeding.stop());
    await toolOf(seeding.url, seeding.pid).run('get_clinic');
    await seeding.stop();
    for (const scenario of plan.scenarios) {
      const folder = join(scratch, scenario);
      const { app, startSeconds } = await startMeasuredApi(place, { profile: folder });
      later(() => app.stop());
      const { rps } = await toolOf(app.url, app.pid).run(scenario);
      await app.stop();
      const [file] = await readdir(folder);
      if (file === undefined) throw new Error(`the API has left no profile of ${scenario}`);
      const stacks = stacksOf(
        JSON.parse(await readFile(join(folder, file), 'utf8')) as CpuProfile,
        startSeconds * 1_000_000,
      ); // V8's own format
      results.push({
        scenario,
        widest: widest(stacks, SHOWN),
        svg: flameGraph(`${scenario}: processor time of clinic-api`, stacks),
      });
      say(`${scenario}: ${rps} a second under the profiler`);
    }
    return results;
  });
