// The long form, for `make prove`: FAULT_ROUNDS times each server and app is killed, one after another and in pairs; about ten minutes a
// round. It starts servers of its own:
//   node --experimental-vm-modules node_modules/jest/bin/jest.js --config jest.config.mjs --rootDir tools/e2e --runInBand \
//     --testMatch "**/event-faults.soak.ts" --testTimeout 7200000
// The figure of 20 seconds is meant for a machine that has nothing else to do.
import { FaultRun, pairs, VICTIMS, type Victim } from './event-faults/fault-run.ts';
import { expectNothingAmiss, tooSlow } from './event-faults/verdict.ts';

const ROUNDS = Number(process.env.FAULT_ROUNDS ?? 1);
const seconds = (name: string, otherwise: number) => Number(process.env[name] ?? otherwise) * 1_000;

const singles = VICTIMS.map((victim) => [victim]);
const kills: (readonly Victim[])[] = Array.from({ length: ROUNDS }, () => [...singles, ...pairs]).flat();

let run: FaultRun;
beforeAll(async () => {
  run = await FaultRun.begin({
    writers: Number(process.env.FAULT_WRITERS ?? 3),
    betweenMs: seconds('FAULT_SECONDS_BETWEEN', 3),
    downMs: seconds('FAULT_SECONDS_DOWN', 4),
    paceMs: seconds('FAULT_SECONDS_PACE', 0.25),
    // An email that a mail server may have taken when it was killed is sent again after half an hour, for which nobody waits here.
    workerEnv: { MAIL_UNKNOWN_SECONDS: '10' },
  });
}, 180_000);
afterAll(() => run?.end(), 180_000);

test('whatever is killed and brought back, nothing is lost, left undone or told twice, and nobody has to help', async () => {
  for (const killed of kills) {
    const { replicated, mailed } = await run.killAndRevive(killed);
    const counts = JSON.stringify(run.counts());
    console.log(`${killed.join(' + ')}: replicated ${replicated} ms, mailed ${mailed} ms after; ${counts}`);
  }
  await run.settle();
  await expectNothingAmiss(run);
  expect(tooSlow(run.recoveries)).toEqual([]);
});
