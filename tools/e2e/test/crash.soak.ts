// The long form, for `make prove`: CRASH_ROUNDS (20) times API and database are killed under writes, alone and together. It starts a server of
// its own:
//   node --experimental-vm-modules node_modules/jest/bin/jest.js --config jest.config.mjs --rootDir tools/e2e --runInBand \
//     --testMatch "**/crash.soak.ts" --testTimeout 7200000
import { CrashRun } from './crash/crash-run.ts';

const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 20);

let run: CrashRun;
beforeAll(async () => void (run = await CrashRun.begin({ writers: 8, keyed: true })), 120_000);
afterAll(() => run?.end(), 60_000);

test('however often API and database are killed under writes, whatever was acknowledged is there, once, and is counted', async () => {
  for (let round = 0; round < ROUNDS; round++) {
    await run.killAndRevive('clinic-api');
    await run.killAndRevive('mongod');
    await run.killAndRevive('clinic-api', 'mongod');
  }
  await run.settle();
  const differences = await run.differences();
  const { acknowledged, repeated } = run;
  console.log(
    `${ROUNDS * 3} kills: ${acknowledged} writes acknowledged, ${repeated} of them when sent again, ${differences.length} lost or too much`,
  );
  expect(differences).toEqual([]);
  expect(await run.recount()).toEqual({ code: 0, said: expect.stringContaining('0 figures to mend') });
});
