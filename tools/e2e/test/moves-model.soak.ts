// For `make model` and `make prove`: the protocol of moves, as a model, in all its states (docs/decisions/moves.md, "How it is shown").
// It needs spin and gcc, as in `apt-get install spin gcc`, some 2 GB of memory and three minutes; without them it is left out and says so.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const MODEL = join(import.meta.dirname, '../../../docs/decisions/moves.pml');
const RULES = ['FENCE_IN_TRANSACTION', 'EPOCHS', 'DELETIONS_FOLLOW', 'SHARING_FOLLOWS'];

const missing: string[] = [];
for (const [tool, asks] of [
  ['spin', '-V'],
  ['gcc', '--version'],
] as const)
  await run(tool, [asks]).catch(() => missing.push(tool));
if (missing.length > 0)
  console.log(
    `NOTICE: the model of moves is left out, as ${missing.join(' and ')} is missing; apt-get install spin gcc`,
  );
const ifThere = missing.length > 0 ? test.skip : test;

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'caregate-model-'))));
afterEach(() => rm(folder, { recursive: true }));

/** Goes through all states that the protocol with these rules can come into. */
async function check(rules: readonly string[]): Promise<{ errors: number; states: number; isWhole: boolean }> {
  const inFolder = { cwd: folder, maxBuffer: 64 * 1024 * 1024 };
  await run('spin', ['-a', ...rules.map((rule) => `-D${rule}`), MODEL], inFolder);
  await run('gcc', ['-O2', '-DSAFETY', '-DCOLLAPSE', '-o', 'pan', 'pan.c'], inFolder);
  const { stdout } = await run('./pan', ['-E', '-m100000'], inFolder);
  const figure = (pattern: RegExp) => Number(pattern.exec(stdout)?.[1]);
  return {
    errors: figure(/errors: (\d+)/),
    states: figure(/(\d+) states, stored/),
    isWhole: !/max search depth too small|Search not completed/.test(stdout),
  };
}

ifThere('with all its rules a move loses, undoes and doubles nothing, in any state', async () => {
  const { errors, states, isWhole } = await check(RULES);
  console.log(`figure: ${states} states of the model, ${errors} errors`);
  expect({ errors, isWhole }).toEqual({ errors: 0, isWhole: true });
});

ifThere.each(RULES)('without %s it does, and the model shows how', async (without) => {
  expect((await check(RULES.filter((rule) => rule !== without))).errors).toBeGreaterThan(0);
});
