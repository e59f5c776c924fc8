import { StackError } from '@caregate/stack';
import { all } from './all.ts';
import { events } from './events.ts';
import { growth } from './growth.ts';
import { lists } from './lists.ts';
import { load } from './load.ts';
import { moves } from './moves.ts';
import { pairs } from './pairs.ts';
import { profile } from './profile.ts';
import { prove } from './prove.ts';
import { report } from './report.ts';
import { sizes } from './sizes.ts';
import { soak } from './soak.ts';

/** Each bench by its name. */
const BENCHES: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = {
  ...{ all, load, lists, events, moves, growth, sizes, soak, profile },
  ...{ pairs, report, prove },
};

const [name = '', ...args] = process.argv.slice(2);
const bench = BENCHES[name];
if (!bench) {
  console.error(`bench: there is no bench "${name}"; there are: ${Object.keys(BENCHES).join(', ')}`);
  process.exitCode = 2;
} else {
  try {
    process.exitCode = await bench(args);
  } catch (error) {
    console.error(
      `bench: ${error instanceof StackError ? error.message : error instanceof Error ? error.stack : String(error)}`,
    );
    process.exitCode = 1;
  }
}
