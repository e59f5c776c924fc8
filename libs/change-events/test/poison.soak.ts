// Twenty thousand poison messages. `make prove` runs it; by itself:
//   node tools/stack/src/main.ts run --only mongod,kafka -- node --experimental-vm-modules node_modules/jest/bin/jest.js \
//     --config jest.config.mjs --rootDir libs/change-events --runInBand --testMatch "**/poison.soak.ts"
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { PoisonRun } from './poison.ts';
import { WorkerHarness } from './worker-harness.ts';

const DOSE = {
  good: 2_000,
  noJson: 8_000,
  wrongShape: 5_000,
  unknownOperation: 4_000,
  oversized: 40,
  alwaysThrows: 2_000,
  givesUp: 960,
};
const WITHIN_MS = 240_000;
const cli = `${import.meta.dirname}/../../../tools/caregate/src/main.ts`;

test('20 000 poison messages among good ones', async () => {
  const harness = new WorkerHarness();
  await harness.start();
  try {
    const run = new PoisonRun(harness, DOSE);
    expect(run.bad).toBe(20_000);
    await run.start();
    const begin = performance.now();
    const say = (what: string) =>
      process.stdout.write(`${what} after ${((performance.now() - begin) / 1_000).toFixed(1)} s\n`);
    await run.publish();
    say('all is sent');
    await run.untilGoodIsEaten(WITHIN_MS);
    say('all good ones are dealt with');
    await run.untilBadIsBuried(WITHIN_MS);
    say('all bad ones are dead letters');
    run.mend();
    const env = { ...process.env, TOPIC_PREFIX: harness.prefix };
    const { stdout } = await promisify(execFile)(process.execPath, [cli, 'dead-letters', 'replay', '--all'], { env });
    expect(stdout).toBe('20000 given back\n');
    say('all are given back');
    await run.untilMended(WITHIN_MS);
    say('all given back are dealt with');
  } finally {
    await harness.stop();
  }
}, 900_000);
