// PAUSE_ROUNDS (8) times a part of a shard, by lot, stands still for 5, 20 or 60 seconds while permissions change in a burst, users are deleted in a
// burst, a backup is made or restored, by turns. It starts servers of its own:
//   node --experimental-vm-modules node_modules/jest/bin/jest.js --config jest.config.mjs --rootDir tools/e2e --runInBand \
//     --testMatch "**/event-pauses.soak.ts" --testTimeout 7200000
// PAUSE_SEED gives the lot; it is printed. PAUSE_FROM leaves out the rounds before it, so that a long run can be done in parts.
import { FaultRun } from './event-faults/fault-run.ts';
import { drawPause, HAPPENINGS } from './event-faults/pauses.ts';
import { expectNothingAmiss } from './event-faults/verdict.ts';
import { Seeded } from './pauses/seeded.ts';

const SEED = Number(process.env.PAUSE_SEED ?? Date.now() % 1_000_000);
const ROUNDS = Number(process.env.PAUSE_ROUNDS ?? 8);
const FROM = Number(process.env.PAUSE_FROM ?? 1);
const SECONDS = (process.env.PAUSE_SECONDS ?? '5,20,60').split(',').map(Number);

let run: FaultRun;
beforeAll(async () => {
  run = await FaultRun.begin({
    ...{ writers: 2, downMs: 0, betweenMs: 0, paceMs: 500 },
    // What a mail server may have taken is not waited for for half an hour.
    workerEnv: { MAIL_UNKNOWN_SECONDS: '90' },
  });
}, 180_000);
afterAll(() => run?.end(), 180_000);

test('whatever part stands still while much happens at once, a backup is made or restored: nothing is lost, left undone or told twice', async () => {
  const lot = new Seeded(SEED);
  console.log(`the seed is ${SEED}`);
  for (let round = 1; round <= ROUNDS; round++) {
    const happening = HAPPENINGS[(round - 1) % HAPPENINGS.length];
    if (!happening) throw new Error('nothing happens');
    const pause = drawPause(lot, happening, SECONDS);
    if (round < FROM) continue;
    console.log(`round ${round}: ${pause.part} sleeps for ${pause.seconds} s during ${happening.name}`);
    await happening.play(run, pause);
  }
  await run.settle();
  console.log(`figure: ${ROUNDS - FROM + 1} pauses by seed ${SEED}; ${JSON.stringify(run.counts())}`);
  await expectNothingAmiss(run);
});
