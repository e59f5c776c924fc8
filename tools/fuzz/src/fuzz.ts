import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSigningProxy } from './signing-proxy.ts';
import { callerOf, CALLERS, type CallerName } from './callers.ts';
import { contractFor } from './contract.ts';
import { installPackages } from './python.ts';
import { type Outcome, type RunPlan, runSchemathesis } from './schemathesis.ts';
import { makeWorld, type Target, type World } from './world.ts';

export { CALLERS, type CallerName, type Outcome, type RunPlan };

/** A minute or two, for every test run: the same requests each time. */
export const SHORT: RunPlan = { phases: ['examples', 'fuzzing'], examples: 3, seed: 1, mayBeBusy: true };
/** As long as it takes, for a person who wants to know. */
export const LONG: RunPlan = { phases: ['examples', 'coverage', 'fuzzing', 'stateful'], examples: 60, seed: 1 };

/** While an account is fenced, writes that may be about any account are told to come again (503). */
const ALONE: CallerName = 'directory';

export interface FuzzOptions {
  readonly target: Target;
  readonly plan: RunPlan;
  readonly callers?: readonly CallerName[];
  /** How many callers are tried at a time. */
  readonly atOnce?: number;
  readonly say?: (line: string) => void;
  readonly signal?: AbortSignal;
}

interface Try {
  readonly name: CallerName;
  readonly world: World;
}

/** Tries the whole contract as each kind of caller, each in a world of its own. Gives what came out, by caller. */
export async function fuzz({
  target,
  plan,
  callers = CALLERS,
  atOnce = 2,
  say = () => undefined,
  signal,
}: FuzzOptions): Promise<Map<CallerName, Outcome>> {
  const packages = await installPackages(say);
  const folder = await mkdtemp(join(tmpdir(), 'caregate-fuzz-'));
  const outcomes = new Map<CallerName, Outcome>();
  const proxy = await startSigningProxy(target);
  const tryAs = async ({ name, world }: Try) => {
    const began = Date.now();
    const caller = callerOf(name, world);
    const own = join(folder, name);
    await mkdir(own);
    await writeFile(join(own, 'contract.json'), JSON.stringify(contractFor(world, caller)));
    const outcome = await runSchemathesis(packages, {
      folder: own,
      url: name === 'directory' ? proxy.url : target.url,
      headers: caller.headers,
      plan,
      ...(signal && { signal }),
    });
    outcomes.set(name, outcome);
    const seconds = ((Date.now() - began) / 1000).toFixed(0);
    say(
      `${name.padEnd(9)} ${outcome.cases} requests, ${outcome.accepted} of them taken, ${outcome.failures} failures, ${seconds} s`,
    );
  };
  try {
    // All worlds before anything is tried: after so many attempts to sign in the makers of later ones would be told to wait.
    const tries: Try[] = [];
    for (const name of callers) tries.push({ name, world: await makeWorld(target) });
    const together = tries.filter(({ name }) => name !== ALONE);
    const work = async () => {
      for (let next = together.shift(); next !== undefined; next = together.shift()) await tryAs(next);
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    for (const each of tries.filter(({ name }) => name === ALONE)) await tryAs(each);
  } finally {
    await proxy.close();
    await rm(folder, { recursive: true, force: true });
  }
  return outcomes;
}
