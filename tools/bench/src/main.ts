import { StackError } from '@caregate/stack';
import { events } from './events.ts';
import { lists } from './lists.ts';
import { load } from './load.ts';

/** Each bench by its name. */
const BENCHES: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = { events, lists, load };

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
