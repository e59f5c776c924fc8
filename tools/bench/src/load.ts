import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { type App, freePort, type Servers, startApp, startServers } from '@caregate/stack';
import { type LoadFigures, loadTable, type Measured, missedLoad } from './load-report.ts';

const COMPAT = join(import.meta.dirname, '../../../../shared/compat');
const HELP = `Usage: node tools/bench/src/main.ts load [--compat FOLDER] [--patients N] [--seconds N] [--rounds N] [--scenarios a,b] [--json FILE] [--profile FOLDER] [--check]

The load tool of the public clinic service against the built clinic API, as users get it, and against a bare reference (node:http and the
MongoDB driver doing just that read or write), by turns, on one mongod. The tool and its identity stub are no part of the product.

  --compat FOLDER    where load.mjs and stub-backends.mjs are (${COMPAT})
  --patients N       of the big clinic (10000)
  --seconds N        per scenario and round (6)
  --rounds N         how often each scenario has its turn; the middle one counts (3)
  --scenarios a,b    only these
  --json FILE        where the figures go (dist/bench/load.json)
  --profile FOLDER   the API's processor time by function, as .cpuprofile files (open them in a browser's developer tools)
  --check            exit 1 when a target is missed
`;

export const SCENARIOS = [
  ...['get_clinic', 'get_clinic_big', 'list_patients', 'search_patients'],
  ...['create_patient_1000', 'create_patient', 'update_clinic', 'update_patient'],
];

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
      check: { type: 'boolean' },
    },
  });
  if (values.help) {
    say(HELP);
    return 0;
  }
  if (!existsSync(join(values.compat, 'load.mjs'))) {
    say(`The load bench is left out: there is no load.mjs in ${values.compat} (--compat says where it is).`);
    return 0;
  }
  const figures = await measured(
    {
      compat: values.compat,
      patients: Number(values.patients),
      seconds: Number(values.seconds),
      rounds: Number(values.rounds),
      scenarios: values.scenarios.split(','),
      profile: values.profile,
    },
    say,
  );
  await mkdir(dirname(values.json), { recursive: true });
  await writeFile(values.json, `${JSON.stringify(figures, undefined, 2)}\n`);
  say(`\n${loadTable(figures)}\n\nAll figures: ${values.json}`);
  return values.check && missedLoad(figures).length > 0 ? 1 : 0;
}

interface Plan {
  readonly compat: string;
  readonly patients: number;
  readonly seconds: number;
  readonly rounds: number;
  readonly scenarios: readonly string[];
  readonly profile: string | undefined;
}

async function measured(plan: Plan, say: (line: string) => void): Promise<LoadFigures> {
  const machine = { cores: availableParallelism(), loadBefore: loadavg()[0] ?? 0, node: process.version };
  const scratch = await mkdtemp(join(tmpdir(), 'caregate-bench-'));
  const closing: (() => Promise<unknown>)[] = [() => rm(scratch, { recursive: true })];
  const close = async () => {
    for (const end of closing.splice(0).reverse()) await end();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void close().finally(() => process.exit(130)));
  try {
    const servers = await startServers({ only: ['mongod'], log: say });
    closing.push(() => servers.stop());
    const stub = await start(
      [join(plan.compat, 'stub-backends.mjs'), '--port', String(await freePort())],
      {},
      /(http:\S+)/,
    );
    closing.push(() => stub.stop());
    const began = performance.now();
    const api = await startApp({
      name: 'clinic-api',
      label: 'bench-clinic-api',
      env: settings(servers, stub.url, plan.profile),
    });
    closing.push(() => api.stop());
    const startSeconds = (performance.now() - began) / 1_000;
    const bareProgram = join(import.meta.dirname, 'bare.ts');
    const bare = await start(
      [bareProgram],
      { MONGODB_URI: servers.mongodbUri, PORT: String(await freePort()) },
      /(http:\S+)/,
    );
    closing.push(() => bare.stop());
    const runs = {
      caregate: new Tool(plan, api.url, join(scratch, 'caregate'), api.pid),
      bare: new Tool(plan, bare.url, join(scratch, 'bare'), bare.pid),
    };
    return {
      machine,
      patients: plan.patients,
      startSeconds,
      ...(await byTurns(plan, runs, say)),
      rssMb: runs.caregate.rssMb,
    };
  } finally {
    await close();
  }
}

/** Each scenario against both, one directly after the other, so that what else the machine does hits both alike. */
async function byTurns(plan: Plan, runs: { caregate: Tool; bare: Tool }, say: (line: string) => void) {
  const all: { caregate: Record<string, Measured[]>; bare: Record<string, Measured[]> } = { caregate: {}, bare: {} };
  for (let round = 1; round <= plan.rounds; round++) {
    for (const scenario of plan.scenarios) {
      for (const who of ['caregate', 'bare'] as const) {
        const result = await runs[who].run(scenario);
        (all[who][scenario] ??= []).push(result);
        say(
          `round ${round} of ${plan.rounds}: ${scenario}, ${who}: ${result.rps} a second, p50 ${result.p50ms} ms, p99 ${result.p99ms} ms`,
        );
      }
    }
  }
  const middles = (results: Record<string, Measured[]>) =>
    Object.fromEntries(
      Object.entries(results).flatMap(([name, each]) => (middle(each) ? [[name, middle(each)]] : [])),
    ) as Record<string, Measured>; // none is undefined
  return { caregate: middles(all.caregate), bare: middles(all.bare) };
}

const middle = (results: readonly Measured[]) =>
  [...results].sort((a, b) => a.rps - b.rps)[Math.floor((results.length - 1) / 2)];

/** As users get it, but that a remote service knows the callers: the load tool's stub. */
const settings = (servers: Servers, identityUrl: string, profile: string | undefined) => ({
  SHARD_ID: 'au1',
  DOMAIN: 'localhost',
  MONGODB_URI: servers.mongodbUriFor('clinic_bench'),
  IDENTITY: 'http',
  IDENTITY_URL: identityUrl,
  DATA_SOURCES_URL: identityUrl,
  ...(profile !== undefined && { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${resolve(profile)}` }),
});

/** The public load tool, as it is. */
class Tool {
  rssMb = 0;
  private readonly plan: Plan;
  private readonly url: string;
  private readonly state: string;
  private readonly pid: number | undefined;

  constructor(plan: Plan, url: string, state: string, pid: App['pid']) {
    this.plan = plan;
    this.url = url;
    this.state = state;
    this.pid = pid;
  }

  async run(scenario: string): Promise<Measured> {
    const { compat, patients, seconds } = this.plan;
    const flags = {
      base: this.url,
      patients,
      seconds,
      warmup: 1,
      scenarios: scenario,
      state: this.state,
      ...(this.pid && { pid: this.pid }),
    };
    const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const child = spawn(process.execPath, [join(compat, 'load.mjs'), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    const [out, err, code] = await Promise.all([
      textOf(child.stdout),
      textOf(child.stderr),
      new Promise((done) => child.once('exit', done)),
    ]);
    if (code !== 0) throw new Error(`load.mjs ended with ${code} at ${scenario}: ${err.slice(-500)}`);
    const { results } = JSON.parse(out) as { results: (Measured & { memory?: { peakMB: number } })[] }; // the tool's own shape
    const [result] = results;
    if (!result) throw new Error(`load.mjs knows no scenario ${scenario}`);
    if (result.errors > 0)
      throw new Error(`${scenario} at ${this.url}: ${result.errors} errors: ${JSON.stringify(result.statuses)}`);
    this.rssMb = Math.max(this.rssMb, result.memory?.peakMB ?? 0);
    return result;
  }
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** A program that says in its first line where it listens. */
async function start(args: readonly string[], env: Record<string, string>, announcement: RegExp) {
  const child: ChildProcess = spawn(process.execPath, [...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  if (!child.stdout) throw new Error('its output is a pipe');
  const ended = new Promise((done) => child.once('exit', done));
  for await (const line of createInterface({ input: child.stdout })) {
    const url = announcement.exec(line)?.[1];
    if (url !== undefined) return { url, pid: child.pid, stop: () => (child.kill(), ended) };
  }
  throw new Error(`${args[0]} did not start`);
}
