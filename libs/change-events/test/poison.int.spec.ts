import { PoisonRun } from './poison.ts';
import { SERVERS_GIVEN, WorkerHarness } from './worker-harness.ts';

// The short form of poison.soak.ts.
const DOSE = {
  good: 200,
  noJson: 400,
  wrongShape: 300,
  unknownOperation: 200,
  oversized: 5,
  alwaysThrows: 60,
  givesUp: 40,
};

(SERVERS_GIVEN ? test : test.skip)(
  'poison of all kinds holds up nothing that is good, is told with its reason, and can be given back after a fix',
  async () => {
    const harness = new WorkerHarness();
    await harness.start();
    try {
      const run = new PoisonRun(harness, DOSE);
      await run.start();
      await run.publish();
      await run.untilGoodIsEaten(50_000);
      const letters = await run.untilBadIsBuried(50_000);
      run.mend();
      await run.deadLetters.replay(letters.map(({ id }) => id));
      await run.untilMended(50_000);
    } finally {
      await harness.stop();
    }
  },
  180_000,
);
