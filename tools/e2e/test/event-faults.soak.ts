// The long form, for `make prove`: FAULT_ROUNDS times each server and app is killed, one after another and in pairs.
//   stack run --only … is not needed, it starts its own:
//   node --experimental-vm-modules node_modules/jest/bin/jest.js --config jest.config.mjs --rootDir tools/e2e --runInBand \
//     --testMatch "**/event-faults.soak.ts" --testTimeout 3600000
import { FaultRun, pairs, VICTIMS, type Victim } from './event-faults/fault-run.ts';
import { Reckoning } from './event-faults/reckoning.ts';

const ROUNDS = Number(process.env.FAULT_ROUNDS ?? 1);
const WRITERS = Number(process.env.FAULT_WRITERS ?? 3);
const BETWEEN_MS = Number(process.env.FAULT_SECONDS_BETWEEN ?? 3) * 1_000;
const DOWN_MS = Number(process.env.FAULT_SECONDS_DOWN ?? 4) * 1_000;
const PACE_MS = Number(process.env.FAULT_PACE_MS ?? 250);
/** From the moment that a server answers again. */
const WELL_WITHIN_MS = 20_000;

const singles = VICTIMS.map((victim) => [victim]);
const kills: (readonly Victim[])[] = Array.from({ length: ROUNDS }, () => [...singles, ...pairs]).flat();

let run: FaultRun;
beforeAll(async () => {
  run = await FaultRun.begin({ writers: WRITERS, betweenMs: BETWEEN_MS, downMs: DOWN_MS, paceMs: PACE_MS });
}, 180_000);
afterAll(() => run?.end(), 180_000);

test('whatever is killed and brought back, nothing is lost, left undone or told twice, and nobody has to help', async () => {
  for (const killed of kills) {
    const { replicated, mailed } = await run.killAndRevive(killed);
    console.log(
      `${killed.join(' + ')}: replicated ${replicated} ms, mailed ${mailed} ms after; ${JSON.stringify(run.counts())}`,
    );
  }
  await run.settle();
  const reckoning = new Reckoning(run);
  const emails = await reckoning.emails();
  const windows = kills.flat().filter((victim) => victim === 'clinic-worker' || victim === 'smtp').length;
  console.log(
    `${emails.due} emails due, ${emails.doubled} accepted again after ${windows} kills of worker or SMTP server`,
  );

  expect(run.failures).toEqual([]);
  expect(await reckoning.lost()).toEqual([]);
  expect(await reckoning.differences()).toEqual([]);
  expect(emails).toMatchObject({ missing: [], unexpected: [] });
  expect(emails.doubled).toBeLessThanOrEqual(windows);
  expect(await run.deadLetters()).toEqual([]);
  expect(await run.connectorsNotRunning()).toEqual([]);
  expect(run.recoveries.filter(({ replicated }) => replicated > WELL_WITHIN_MS)).toEqual([]);
});
