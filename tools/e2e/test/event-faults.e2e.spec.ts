import { FaultRun, VICTIMS } from './event-faults/fault-run.ts';
import { expectNothingAmiss } from './event-faults/verdict.ts';

// The short form of event-faults.soak.ts: everything is killed once, on servers of the test's own.
let run: FaultRun;
beforeAll(async () => {
  run = await FaultRun.begin({
    ...{ writers: 2, betweenMs: 0, downMs: 1_000, paceMs: 300 },
    // What a killed worker had begun is taken over sooner.
    workerEnv: { LEASE_SECONDS: '5', MAIL_LEASE_SECONDS: '10', MAIL_UNKNOWN_SECONDS: '10' },
  });
}, 180_000);
afterAll(() => run?.end(), 60_000);

test('each server and app is killed at work: nothing is lost, left undone or told twice, and nobody has to help', async () => {
  for (const victim of VICTIMS) await run.killAndRevive([victim]);
  await run.settle();
  await expectNothingAmiss(run);
}, 300_000);
