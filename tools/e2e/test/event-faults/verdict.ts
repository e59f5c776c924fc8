import type { FaultRun, Recovery, Sleeper } from './fault-run.ts';
import { Reckoning } from './reckoning.ts';

/** Each kill or pause can have the emails that were on their way over the worker's connections accepted again. */
const CONNECTIONS = 4;

/** From the moment that a server answers again until replication goes on. */
const WELL_WITHIN_MS = 20_000;

/** Everything that must hold in the end; as `expect` says it. */
export async function expectNothingAmiss(run: FaultRun): Promise<void> {
  const reckoning = new Reckoning(run);
  const emails = await reckoning.emails();
  const windows = run.disturbed.filter(hasWindow).length;
  console.log(
    `${emails.due} emails due, ${emails.doubled} accepted again after ${windows} kills or pauses of worker or SMTP server`,
  );
  expect(run.failures).toEqual([]);
  expect(await reckoning.lost()).toEqual([]);
  expect(await reckoning.differences()).toEqual([]);
  expect(emails).toMatchObject({ missing: [], unexpected: [] });
  expect(emails.doubled).toBeLessThanOrEqual(windows * CONNECTIONS);
  expect(await run.deadLetters()).toEqual([]);
  expect(await run.connectorsNotRunning()).toEqual([]);
}

/** Recoveries that took too long. They hold on a machine that has nothing else to do. */
export const tooSlow = (recoveries: readonly Recovery[]) =>
  recoveries.filter(({ replicated }) => replicated > WELL_WITHIN_MS);

/** Between the mail server's acceptance and the worker's note of it one message can be lost from sight. */
const hasWindow = (part: Sleeper) => part === 'clinic-worker' || part === 'smtp';
