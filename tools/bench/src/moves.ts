import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { onInterruption } from '@caregate/stack';
import { RESULTS } from './pages.ts';
import { atMost, type Row } from './rows.ts';

const HELP = `Usage: node tools/bench/src/main.ts moves [--patients N]

How long writers wait while their account moves between shards, three times there and back, the mover killed in a phase of each move. It
is the test of moves (tools/e2e) with so many patients (2000); \`make prove\` has 10 000.
`;
const ROOT = join(import.meta.dirname, '../../..');
const MOST_MS = 1_000;

export interface MoveFigures {
  readonly patients: number;
  readonly passed: boolean;
  /** The longest that a writer waited in each move, ms. */
  readonly waits: readonly number[];
  readonly medianMs: number | undefined;
}

/** The bench of moves. @returns the exit status */
export async function moves(args: readonly string[], say: (line: string) => void = console.log): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { help: { type: 'boolean', short: 'h' }, patients: { type: 'string', default: '2000' } },
  });
  if (values.help) {
    say(HELP);
    return 0;
  }
  const patients = Number(values.patients);
  const { passed, output } = await moved(patients, say);
  const figures = movesOf(output, patients, passed);
  await mkdir(RESULTS, { recursive: true });
  await writeFile(join(RESULTS, 'moves.json'), `${JSON.stringify(figures, undefined, 2)}\n`);
  if (!passed) say(output.slice(-4_000));
  return passed ? 0 : 1;
}

/** What the test of moves has told. */
export function movesOf(output: string, patients: number, passed: boolean): MoveFigures {
  const waits = [...output.matchAll(/killed in \w+: writers waited (\d+) ms/g)].map(([, ms]) => Number(ms));
  const median = /writers waited (\d+) ms \(median/.exec(output)?.[1];
  return { patients, passed, waits, medianMs: median === undefined ? undefined : Number(median) };
}

export const moveRows = ({ patients, passed, waits, medianMs }: MoveFigures): Row[] => [
  {
    what: `writers wait in a move of ${patients} patients, median`,
    target: `at most ${MOST_MS} ms`,
    value: medianMs === undefined ? 'not told' : `${medianMs} ms`,
    beside: `each: ${waits.join(', ')} ms`,
    short: medianMs === undefined ? 'the test failed' : atMost(medianMs, MOST_MS),
  },
  {
    what: 'lost or doubled',
    target: 'none',
    value: passed ? 'none' : 'see the test',
    short: passed ? undefined : 'the test failed',
  },
];

async function moved(patients: number, say: (line: string) => void) {
  const args = [
    ...['--experimental-vm-modules', 'node_modules/jest/bin/jest.js', '--config', 'jest.config.mjs', '--runInBand'],
    ...['--testTimeout', '1800000', '--rootDir', 'tools/e2e', '--testMatch', '**/moves.e2e.spec.ts'],
    ...['--testNamePattern', 'three times there and back'],
  ];
  const { MONGODB_URI: _, ...env } = process.env; // a server of its own
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // a terminal's Ctrl-C comes once, through this program
    env: { ...env, NODE_NO_WARNINGS: '1', MOVE_PATIENTS: String(patients) },
  });
  const listenNoMore = onInterruption((signal) => child.kill(signal));
  let output = '';
  const heard = (chunk: Buffer) => {
    const text = chunk.toString();
    output += text;
    for (const line of text.split('\n')) if (line.includes('writers waited')) say(line.trim());
  };
  child.stdout.on('data', heard);
  child.stderr.on('data', heard);
  const code = await new Promise<number | null>((done) => child.once('close', done));
  listenNoMore();
  return { passed: code === 0, output };
}
