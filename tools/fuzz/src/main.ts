import { parseArgs } from 'node:util';
import { StackError } from '@caregate/stack';
import { startApi } from './api.ts';
import { CALLERS, fuzz, LONG, type RunPlan, SHORT } from './fuzz.ts';
import { FuzzError } from './python.ts';

const HELP = `Usage: make fuzz
       node tools/fuzz/src/main.ts [--short] [--callers NAMES] [--examples NUMBER] [--seed NUMBER]

Tries the whole contract of the clinic API as each kind of caller with Schemathesis, against the built app and a real
MongoDB (MONGODB_URI). Exits 1 when an answer is a 5xx or is not what the contract says, and shows how to get it again.

  --short             the requests that every test run makes, instead of the long run
  --callers NAMES     only these, separated by commas: ${CALLERS.join(', ')}
  --examples NUMBER   how many requests at most for each operation, in each phase
  --seed NUMBER       other requests; the same number gives the same ones
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean', short: 'h' },
      short: { type: 'boolean' },
      callers: { type: 'string' },
      examples: { type: 'string' },
      seed: { type: 'string' },
      dist: { type: 'string' }, // where the built apps are
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const { MONGODB_URI } = process.env;
  if (!MONGODB_URI) throw new FuzzError('MONGODB_URI is needed; `make fuzz` starts a MongoDB and sets it');
  const callers = CALLERS.filter((name) => values.callers === undefined || values.callers.split(',').includes(name));
  const plan = planOf(values.short ? SHORT : LONG, values);
  const api = await startApi(MONGODB_URI, values.dist);
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.abort());
  try {
    const outcomes = await fuzz({ target: api.target, plan, callers, say: console.log, signal: stopped.signal });
    const failed = [...outcomes].filter(([, { failures }]) => failures > 0);
    for (const [name, { output }] of failed) console.log(`\nAs ${name}:\n${output}`);
    if (failed.length > 0) console.log(`The app's last words:\n${(await api.app.lastLines(40)).join('\n')}`);
    return failed.length > 0 ? 1 : 0;
  } finally {
    await api.close();
  }
}

function planOf(
  plan: RunPlan,
  { examples, seed }: { examples?: string | undefined; seed?: string | undefined },
): RunPlan {
  const number = (text: string | undefined, usual: number) => {
    const given = text === undefined ? usual : Number(text);
    if (!Number.isInteger(given) || given < 1) throw new FuzzError(`${text} is no number of 1 or more`);
    return given;
  };
  return { ...plan, examples: number(examples, plan.examples), seed: number(seed, plan.seed) };
}

try {
  process.exitCode = await main();
} catch (error) {
  const isExpected = error instanceof FuzzError || error instanceof StackError;
  console.error(`fuzz: ${isExpected ? error.message : error instanceof Error ? error.stack : String(error)}`);
  process.exitCode = 1;
}
