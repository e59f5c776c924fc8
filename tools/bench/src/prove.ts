import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs, stripVTControlCharacters } from 'node:util';
import { onInterruption, type Servers, startServers } from '@caregate/stack';
import { writeSection } from './pages.ts';
import { figuresIn, type Proof, type Tried, proveTable, withAgain } from './prove-report.ts';
import { everyStep, type Step } from './prove-steps.ts';

const HELP = `Usage: make prove
       node tools/bench/src/main.ts prove [--only WORD | --again WORD] [--list] [--minutes N] [--readme]

What takes long to show, and what everything else counts on: isolation, hardening, overload, crash and restore, faults of events and shards.
The integration and end-to-end tests that docs/security.md names, those that prove-steps.ts names, and every *.soak.ts of tools, libs and
apps. A table of what was tried, and whether it held, is printed and left in dist/prove/prove.md, after each and when it is interrupted.

  --only WORD    only files whose path has this word
  --again WORD   the same, after a whole run of today: their rows take the place of the first ones, and the table says so
  --list         says what would be run
  --minutes N    how long one step may take (40)
  --readme       writes the table into README.md, when all was run
`;
const ROOT = join(import.meta.dirname, '../../..');
const RESULTS = join(ROOT, 'dist/prove');

const GIVEN = ['MONGODB_URI', 'KAFKA_BROKERS', 'CONNECT_URL', 'SMTP_URL', 'MAIL_WEB_URL'];

/** Everything that is to be proven. @returns the exit status: 1 when something is lost */
export async function prove(args: readonly string[], say: (line: string) => void = console.log): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', short: 'h' },
      only: { type: 'string', default: '' },
      again: { type: 'string' },
      list: { type: 'boolean' },
      minutes: { type: 'string', default: '40' },
      readme: { type: 'boolean' },
    },
  });
  if (values.help) {
    say(HELP);
    return 0;
  }
  const before = values.again === undefined ? undefined : await wholeRunOfToday();
  const word = values.again ?? values.only;
  const steps = await everyStep(word);
  if (values.list) {
    for (const { files } of steps) for (const file of files) say(file);
    return 0;
  }
  const began = performance.now();
  const minutes = () => (performance.now() - began) / 60_000;
  const tried: Tried[] = [];
  let done = 0;
  const ofThisRun = (): Proof => ({
    date: today(),
    minutes: minutes(),
    cores: availableParallelism(),
    whole: done === steps.length && word === '',
    tried,
  });
  const proof = () => (before ? withAgain(before, ofThisRun()) : ofThisRun());
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
  const given = new GivenServers(say);
  try {
    for (const [n, step] of steps.entries()) {
      if (interrupted) break;
      say(`\n=== ${step.files.join(', ')} (${n + 1} of ${steps.length}; ${minutes().toFixed(1)} min so far)`);
      const env = step.own ? await given.stop() : await given.start();
      const results = await outcomeOf({ step, env, withinMs: Number(values.minutes) * 60_000 }, say, (child) => {
        running = child;
      });
      if (interrupted) break;
      done++;
      tried.push(...results);
      for (const { title, held, reason } of results.flatMap(({ tests }) => tests))
        if (held !== true || step.own) say(`  ${outcome(held)}: ${title}${reason ? ` (${reason})` : ''}`);
      await keep();
    }
  } finally {
    await given.stop();
    listenNoMore();
  }
  await keep();
  say(`\n${proveTable(proof())}\n\nprove: ${minutes().toFixed(1)} minutes; the table is dist/prove/prove.md`);
  if (values.readme && proof().whole) await writeSection('README.md', 'prove', proveTable(proof()));
  const lost = tried.some(({ tests }) => tests.some(({ held }) => held === false));
  return lost || interrupted ? 1 : 0;
}

const today = () => new Date().toISOString().slice(0, 10);

/** @throws {Error} when there is none */
async function wholeRunOfToday(): Promise<Proof> {
  const text = await readFile(join(RESULTS, 'prove.json'), 'utf8').catch(() => undefined);
  const before = text === undefined ? undefined : (JSON.parse(text) as Proof); // as `keep` wrote it
  if (!before?.whole || before.date !== today())
    throw new Error('dist/prove/prove.json is of no whole run of today; run `make prove` first');
  return before;
}

const outcome = (held: boolean | undefined) => (held === undefined ? 'left out' : held ? 'held' : 'LOST');

/** Servers for the tests that want some given; the others, which kill theirs, have the machine for themselves. */
class GivenServers {
  private servers: Servers | undefined;
  private readonly say: (line: string) => void;

  constructor(say: (line: string) => void) {
    this.say = say;
  }

  async start(): Promise<NodeJS.ProcessEnv> {
    this.servers ??= await startServers({ log: this.say });
    return { ...process.env, ...this.servers.env };
  }

  async stop(): Promise<NodeJS.ProcessEnv> {
    await this.servers?.stop();
    this.servers = undefined;
    return Object.fromEntries(Object.entries(process.env).filter(([name]) => !GIVEN.includes(name)));
  }
}

interface Trial {
  readonly step: Step;
  readonly env: NodeJS.ProcessEnv;
  readonly withinMs: number;
}

async function outcomeOf(
  { step, env, withinMs }: Trial,
  say: (line: string) => void,
  started: (child: ChildProcess) => void,
): Promise<Tried[]> {
  const { project, files } = step;
  const json = join(RESULTS, `${project}/${(files[0] ?? '').split('/').at(-1)}.json`);
  await mkdir(dirname(json), { recursive: true });
  await rm(json, { force: true });
  const jest = [
    ...['--experimental-vm-modules', 'node_modules/jest/bin/jest.js', '--config', 'jest.config.mjs', '--runInBand'],
    ...['--testTimeout', String(step.own ? 7_200_000 : 300_000), '--rootDir', project],
    ...['--json', '--outputFile', json, '--testMatch'],
    ...files.map((file) => `**/${file.slice(project.length + 1)}`),
  ];
  const began = performance.now();
  const child = spawn(process.execPath, jest, {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // a terminal's Ctrl-C comes once, through this program
    env: { ...env, NODE_NO_WARNINGS: '1', ...step.env },
  });
  started(child);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const told = setInterval(() => say(`  ... ${Math.round((performance.now() - began) / 1_000)} s`), 60_000);
  let tooLong = false;
  let last: NodeJS.Timeout | undefined;
  const limit = setTimeout(() => {
    tooLong = true;
    child.kill('SIGTERM');
    last = setTimeout(() => child.kill('SIGKILL'), 30_000);
  }, withinMs);
  const code = await new Promise<number | null>((ended) => child.once('close', ended));
  clearTimeout(limit);
  clearTimeout(last);
  clearInterval(told);
  await writeFile(json.replace(/json$/, 'log'), output);
  const seconds = (performance.now() - began) / 1_000;
  const text = await readFile(json, 'utf8').catch(() => undefined);
  const results = text === undefined ? undefined : (JSON.parse(text) as JestResults); // jest's own
  const otherwise = tooLong ? `not over after ${withinMs / 60_000} minutes` : `exit status ${code}`;
  return files.map((file) => ({
    file,
    seconds: seconds / files.length,
    tests: testsOf(file, results, otherwise),
    figures: files.length === 1 ? figuresIn(output) : [],
  }));
}

function testsOf(file: string, results: JestResults | undefined, otherwise: string): Tried['tests'] {
  const tests = results?.testResults.find(({ name }) => name.endsWith(`/${file}`))?.assertionResults ?? [];
  if (tests.length === 0) return [{ title: 'could not be run', held: false, reason: otherwise }];
  return tests.map(({ title, ancestorTitles, status, failureMessages }) => ({
    title: [...ancestorTitles, title].join(': '),
    held: status === 'passed' ? true : status === 'failed' ? false : undefined,
    ...(status === 'failed' && { reason: firstLineOf(failureMessages[0] ?? '') }),
  }));
}

interface JestResults {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly {
      readonly title: string;
      readonly ancestorTitles: readonly string[];
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

const firstLineOf = (message: string) => stripVTControlCharacters(message).split('\n')[0]?.slice(0, 160) ?? '';
