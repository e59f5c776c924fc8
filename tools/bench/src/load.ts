import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { type LoadFigures, loadRows, type Measured } from './load-report.ts';
import {
  COMPAT,
  leftOut,
  LoadTool,
  memoryOf,
  type Seeded,
  startBare,
  startMeasuredApi,
  startPlace,
} from './load-tool.ts';
import { makeClinic, newPatient, Requests } from './requests.ts';
import { missedOf, textTable } from './rows.ts';
import { withCleanup } from './with-cleanup.ts';

const HELP = `Usage: node tools/bench/src/main.ts load [--compat FOLDER] [--patients N] [--seconds N] [--rounds N] [--scenarios a,b] [--json FILE] [--profile FOLDER] [--short] [--check]

The load tool of the public clinic service against the built clinic API, as users get it, and against a bare reference (node:http and the
MongoDB driver doing just that read or write), by turns, on one mongod. The tool and its identity stub are no part of the product.

  --compat FOLDER    where load.mjs and stub-backends.mjs are (${COMPAT})
  --patients N       of the big clinic (10000)
  --seconds N        per scenario and round (6)
  --rounds N         how often each scenario has its turn; the middle one counts (3)
  --scenarios a,b    only these
  --json FILE        where the figures go (dist/bench/load.json)
  --profile FOLDER   the API's processor time by function, as .cpuprofile files (\`profile\` makes flame graphs of each scenario)
  --short            100 patients, half a second, one round: shows that it runs
  --check            exit 1 when a target is missed
`;

export const SCENARIOS = [
  ...['get_clinic', 'get_clinic_big', 'list_patients', 'search_patients'],
  ...['create_patient_1000', 'create_patient', 'update_clinic', 'update_patient'],
];
const SHORT = { patients: 100, seconds: 0.5, rounds: 1 };
const CREATED_IN_A_TURN = 300;
const SMALL_CLINIC = 100;

/** The bench of requests. @returns the exit status */
export async function load(args: readonly string[], say: (line: string) => void = console.log): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', short: 'h' },
      compat: { type: 'string', default: COMPAT },
      patients: { type: 'string', default: '10000' },
      seconds: { type: 'string', default: '6' },
      rounds: { type: 'string', default: '3' },
      scenarios: { type: 'string', default: SCENARIOS.join(',') },
      json: { type: 'string', default: 'dist/bench/load.json' },
      profile: { type: 'string' },
      short: { type: 'boolean' },
      check: { type: 'boolean' },
    },
  });
  if (values.help) {
    say(HELP);
    return 0;
  }
  const missing = leftOut('the bench of requests', values.compat);
  if (missing !== undefined) {
    say(missing);
    return 0;
  }
  const [patients, seconds, rounds] = [Number(values.patients), Number(values.seconds), Number(values.rounds)];
  const plan = { patients, seconds, rounds, ...(values.short && SHORT) };
  const figures = await measured(
    { ...plan, compat: values.compat, scenarios: values.scenarios.split(','), profile: values.profile },
    say,
  );
  await mkdir(dirname(values.json), { recursive: true });
  await writeFile(values.json, `${JSON.stringify(figures, undefined, 2)}\n`);
  const rows = loadRows(figures);
  say(`\n${textTable(rows)}\n\nAll figures: ${values.json}`);
  return values.check && missedOf(rows).length > 0 ? 1 : 0;
}

interface Plan {
  readonly compat: string;
  readonly patients: number;
  readonly seconds: number;
  readonly rounds: number;
  readonly scenarios: readonly string[];
  readonly profile: string | undefined;
}

const measured = (plan: Plan, say: (line: string) => void): Promise<LoadFigures> =>
  withCleanup(async (later) => {
    const machine = { cores: availableParallelism(), loadBefore: loadavg()[0] ?? 0, node: process.version };
    const scratch = await mkdtemp(join(tmpdir(), 'caregate-bench-'));
    later(() => rm(scratch, { recursive: true }));
    const place = await startPlace(plan.compat, later, say);
    const { app: api, startSeconds } = await startMeasuredApi(place, { profile: plan.profile });
    later(() => api.stop());
    const bare = await startBare(place);
    later(() => bare.stop());
    const idleRssMb = (await memoryOf(api.pid))?.rssMb;
    const tool = ({ url, pid }: { url: string; pid: number | undefined }, name: string) =>
      new LoadTool({ ...plan, url, pid, state: join(scratch, name) });
    const tools = { caregate: tool(api, 'caregate'), bare: tool(bare, 'bare') };
    const turns = await byTurns(plan, tools, say);
    const creates = plan.scenarios.includes('create_patient_1000')
      ? await createsBySize(plan, api.url, await tools.caregate.seeded(), say)
      : undefined;
    const rssMb = (await memoryOf(api.pid))?.peakMb ?? 0;
    return { machine, patients: plan.patients, startSeconds, idleRssMb, ...turns, createsBySize: creates, rssMb };
  });

/** Each scenario against both, one directly after the other, so that what else the machine does hits both alike. */
async function byTurns(plan: Plan, tools: { caregate: LoadTool; bare: LoadTool }, say: (line: string) => void) {
  const all: { caregate: Record<string, Measured[]>; bare: Record<string, Measured[]> } = { caregate: {}, bare: {} };
  for (let round = 1; round <= plan.rounds; round++) {
    for (const scenario of plan.scenarios) {
      for (const who of ['caregate', 'bare'] as const) {
        const result = await tools[who].run(scenario);
        (all[who][scenario] ??= []).push(result);
        say(
          `round ${round} of ${plan.rounds}: ${scenario}, ${who}: ${result.rps} a second, p50 ${result.p50ms} ms, p99 ${result.p99ms} ms`,
        );
      }
    }
  }
  const middles = (results: Record<string, Measured[]>) =>
    Object.fromEntries(
      Object.entries(results).flatMap(([name, each]) => {
        const result = middle(each, ({ rps }) => rps);
        return result ? [[name, result]] : [];
      }),
    );
  return { caregate: middles(all.caregate), bare: middles(all.bare) };
}

/** Patients added to a clinic that has a hundred, and to the big one, by turns. */
async function createsBySize(plan: Plan, url: string, { admin, big }: Seeded, say: (line: string) => void) {
  const requests = new Requests(url);
  const rates: { small: number[]; big: number[] } = { small: [], big: [] };
  try {
    for (let turn = 1; turn <= plan.rounds; turn++) {
      const small = await makeClinic(requests, admin, `Of a hundred ${turn}`);
      const add = (clinicId: string, count: number, mrn: string) =>
        requests.pace((n) => requests.ask(newPatient(clinicId, admin, n, mrn)), { count });
      await add(small, SMALL_CLINIC, `S${turn}-`);
      rates.small.push((await add(small, CREATED_IN_A_TURN, `T${turn}-`)).rps);
      rates.big.push((await add(big, CREATED_IN_A_TURN, `B${turn}-`)).rps);
      say(
        `turn ${turn}: ${rates.small.at(-1)?.toFixed(0)} new patients a second in a clinic of ${SMALL_CLINIC}, ${rates.big.at(-1)?.toFixed(0)} in one of ${plan.patients}`,
      );
    }
  } finally {
    await requests.close();
  }
  return { small: middle(rates.small, (rate) => rate) ?? 0, big: middle(rates.big, (rate) => rate) ?? 0 };
}

const middle = <T>(all: readonly T[], rate: (one: T) => number): T | undefined =>
  all.toSorted((a, b) => rate(a) - rate(b))[Math.floor((all.length - 1) / 2)];
