import { CrashRun } from './crash/crash-run.ts';

// The short form of crash.soak.ts: API and database are killed once each and once together, on a server of the test's own.
let run: CrashRun;
beforeAll(async () => void (run = await CrashRun.begin({ writers: 4, keyed: false })), 120_000);
afterAll(() => run?.end(), 60_000);

test('API and database are killed under writes: whatever was acknowledged is there, once, and is counted', async () => {
  await run.killAndRevive('clinic-api');
  await run.killAndRevive('mongod');
  await run.killAndRevive('clinic-api', 'mongod');
  await run.settle();
  expect(run.repeated).toBeGreaterThan(0); // the kills met requests
  expect(await run.differences()).toEqual([]);
  expect(await run.recount()).toEqual({ code: 0, said: expect.stringContaining('0 figures to mend') });
}, 300_000);
