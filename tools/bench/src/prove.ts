import { type ChildProcess, spawn } from 'node:child_process';
import { glob, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs, stripVTControlCharacters } from 'node:util';
import { onInterruption } from '@caregate/stack';
import { writeSection } from './pages.ts';
import { figuresIn, type Proof, type Tried, proveTable } from './prove-report.ts';

const HELP = `Usage: make prove
       node tools/bench/src/main.ts prove [--only WORD] [--list] [--minutes N] [--readme]

What takes long to show, and what everything else counts on: isolation, hardening, overload, crash and restore, faults of events and shards.
Every *.soak.ts of tools, libs and apps, and the tests that are named in prove.ts. A table of what was tried, and whether it held, is printed
and left in dist/prove/prove.md, after each of them and when it is interrupted.

  --only WORD    only files whose path has this word
  --list         says what would be run
  --minutes N    how long one file may take (15)
  --readme       writes the table into README.md
`;
const ROOT = join(import.meta.dirname, '../../..');
const RESULTS = join(ROOT, 'dist/prove');

interface Step {
  readonly file: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Tests that \`make test\` has in a short form, or as they are; soaks are found by their name. */
const NAMED: readonly Step[] = [
  { file: 'tools/e2e/test/isolation.e2e.spec.ts' },
  { file: 'apps/clinic-api/test/isolation.int.spec.ts' },
  { file: 'apps/clinic-api/test/planted-fields.int.spec.ts' },
  { file: 'apps/clinic-api/test/access.int.spec.ts' },
  { file: 'apps/clinic-api/test/bad-input.int.spec.ts' },
  { file: 'apps/clinic-api/test/hosts.int.spec.ts' },
  { file: 'apps/clinic-api/test/rate-limits.int.spec.ts' },
  { file: 'tools/e2e/test/least-data.e2e.spec.ts' },
  { file: 'tools/e2e/test/faults.e2e.spec.ts' },
  { file: 'tools/e2e/test/moves.e2e.spec.ts', env: { MOVE_PATIENTS: '10000', MOVE_PAUSE_MS: '1000' } },
  { file: 'apps/gatekeeper-sync/test/drift.int.spec.ts', env: { DRIFT_TEST_PATIENTS: '100000' } },
];
const GIVEN = ['MONGODB_URI', 'KAFKA_BROKERS', 'CONNECT_URL', 'SMTP_URL', 'MAIL_WEB_URL'];

/** Everything that is to be proven. @returns the exit status: 1 when something is lost */
export async function prove(args: readonly string[], say: (line: string) => void = console.log): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', short: 'h' },
      only: { type: 'string', default: '' },
      list: { type: 'boolean' },
      minutes: { type: 'string', default: '15' },
      readme: { type: 'boolean' },
    },
  });
  if (values.help) {
    say(HELP);
    return 0;
  }
  const steps = (await everyStep()).filter(({ file }) => file.includes(values.only));
  if (values.list) {
    for (const { file } of steps) say(file);
    return 0;
  }
  const began = performance.now();
  const minutes = () => (performance.now() - began) / 60_000;
  const tried: Tried[] = [];
  const proof = (): Proof => ({
    date: new Date().toISOString().slice(0, 10),
    minutes: minutes(),
    cores: availableParallelism(),
    whole: tried.length === steps.length && values.only === '',
    tried,
  });
  const keep = async () => {
    await mkdir(RESULTS, { recursive: true });
    await writeFile(join(RESULTS, 'prove.json'), `${JSON.stringify(proof(), undefined, 2)}\n`);
    await writeFile(join(RESULTS, 'prove.md'), `${proveTable(proof())}\n`);
  };
  let interrupted = false;
  let running: ChildProcess | undefined;
  const listenNoMore = onInterruption((signal) => {
    interrupted = true;
    running?.kill(signal);
  });
  for (const [n, step] of steps.entries()) {
    if (interrupted) break;
    say(`\n=== ${step.file} (${n + 1} of ${steps.length}; ${minutes().toFixed(1)} min so far)`);
    const result = await outcomeOf(step, Number(values.minutes) * 60_000, say, (child) => void (running = child));
    if (interrupted) break;
    tried.push(result);
    for (const { title, held, reason } of result.tests)
      say(`  ${held === undefined ? 'left out' : held ? 'held' : 'LOST'}: ${title}${reason ? ` (${reason})` : ''}`);
    await keep();
  }
  listenNoMore();
  await keep();
  say(`\n${proveTable(proof())}\n\nprove: ${minutes().toFixed(1)} minutes; the table is dist/prove/prove.md`);
  if (values.readme) await writeSection('README.md', 'prove', proveTable(proof()));
  const lost = tried.some(({ tests }) => tests.some(({ held }) => held === false));
  return lost || interrupted ? 1 : 0;
}

async function everyStep(): Promise<Step[]> {
  const soaks: Step[] = [];
  for await (const file of glob('{tools,libs,apps}/*/{test,src}/**/*.soak.ts', { cwd: ROOT })) soaks.push({ file });
  const named = await Promise.all(NAMED.map(async (step) => ((await exists(step.file)) ? [step] : [])));
  return [...named.flat(), ...soaks.sort((a, b) => (a.file < b.file ? -1 : 1))];
}

const exists = (file: string) =>
  readFile(join(ROOT, file)).then(
    () => true,
    () => false,
  );

/** End-to-end tests start servers of their own, which they may kill; the others are given some. */
async function outcomeOf(
  { file, env = {} }: Step,
  withinMs: number,
  say: (line: string) => void,
  started: (child: ChildProcess) => void,
): Promise<Tried> {
  const project = file.split('/').slice(0, 2).join('/');
  const json = join(RESULTS, `${file.replaceAll('/', '_')}.json`);
  await mkdir(dirname(json), { recursive: true });
  await rm(json, { force: true });
  const jest = [
    ...['--experimental-vm-modules', 'node_modules/jest/bin/jest.js', '--config', 'jest.config.mjs', '--runInBand'],
    ...['--testTimeout', String(file.includes('.int.') ? 300_000 : 7_200_000), '--rootDir', project],
    ...['--testMatch', `**/${file.slice(project.length + 1)}`, '--json', '--outputFile', json],
  ];
  const own = file.startsWith('tools/e2e/');
  const command = own ? jest : ['tools/stack/src/main.ts', 'run', '--', process.execPath, ...jest];
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !own || !GIVEN.includes(name)));
  const began = performance.now();
  const child = spawn(process.execPath, command, {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // a terminal's Ctrl-C comes once, through this program
    env: { ...inherited, NODE_NO_WARNINGS: '1', ...env },
  });
  started(child);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const told = setInterval(() => say(`  ... ${Math.round((performance.now() - began) / 1_000)} s`), 60_000);
  let tooLong = false;
  const limit = setTimeout(() => {
    tooLong = true;
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGKILL'), 30_000).unref();
  }, withinMs);
  const code = await new Promise<number | null>((done) => child.once('close', done));
  clearTimeout(limit);
  clearInterval(told);
  await writeFile(json.replace(/json$/, 'log'), output);
  const seconds = (performance.now() - began) / 1_000;
  const tests = await testsOf(
    json,
    file,
    tooLong ? `not over after ${withinMs / 60_000} minutes` : `exit status ${code}`,
  );
  return { file, seconds, tests, figures: figuresIn(output) };
}

async function testsOf(json: string, file: string, otherwise: string): Promise<Tried['tests']> {
  const text = await readFile(json, 'utf8').catch(() => undefined);
  const results = text === undefined ? undefined : (JSON.parse(text) as JestResults); // jest's own
  const tests = results?.testResults.flatMap(({ assertionResults }) => assertionResults) ?? [];
  if (tests.length === 0) return [{ title: file, held: false, reason: otherwise }];
  return tests.map(({ title, ancestorTitles, status, failureMessages }) => ({
    title: [...ancestorTitles, title].join(': '),
    held: status === 'passed' ? true : status === 'failed' ? false : undefined,
    ...(status === 'failed' && { reason: firstLineOf(failureMessages[0] ?? '') }),
  }));
}

interface JestResults {
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly title: string;
      readonly ancestorTitles: readonly string[];
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

const firstLineOf = (message: string) => stripVTControlCharacters(message).split('\n')[0]?.slice(0, 160) ?? '';
