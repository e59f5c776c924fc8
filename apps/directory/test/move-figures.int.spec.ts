import { eventually } from '@caregate/eventually';
import { startWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => void (world = await startWorld()), 60_000);
afterAll(() => world?.stop());

const ago = (seconds: number) => new Date(Date.now() - seconds * 1_000);

async function figures(): Promise<Record<string, number>> {
  const body = await (await fetch(`${world.directory.url}/metrics`)).text();
  return Object.fromEntries(
    [...body.matchAll(/^caregate_(moves?_\w+) (\S+)$/gm)].map(([, name = '', value]) => [name, Number(value)]),
  );
}

test('a move that does not get on, one that is silent and one that was given up are in the figures', async () => {
  expect(await figures()).toMatchObject({ moves_running: 0, move_failures: 0, moves_given_up: 0 });
  const later = new Date(Date.now() + 3_600_000);
  const under = { running: true, open: true, notBefore: later, failures: 0, updatedTime: ago(1), history: [] };
  await world.database.collection<{ _id: string; [field: string]: unknown }>('moves').insertMany([
    { ...under, ...{ _id: 'stuck', accountId: 'a', phase: 'comparing', failures: 12, fault: 'x' } },
    { ...under, ...{ _id: 'silent', accountId: 'b', phase: 'copying', updatedTime: ago(700) } },
    {
      ...under,
      ...{ _id: 'fenced', accountId: 'c', phase: 'fencing', history: [{ phase: 'fencing', time: ago(90) }] },
    },
    { ...{ _id: 'given up', accountId: 'd', phase: 'cancelled', fault: 'in the way' }, updatedTime: ago(60) },
    {
      ...{ _id: 'cancelled', accountId: 'e', phase: 'cancelled', fault: 'x', cancelWanted: true },
      updatedTime: ago(60),
    },
    { ...{ _id: 'long ago', accountId: 'f', phase: 'cancelled', fault: 'in the way' }, updatedTime: ago(7_200) },
  ]);
  const told = await eventually(async () => {
    const found = await figures();
    return found['moves_running'] === 3 && found;
  }, 'the moves');
  expect(told).toMatchObject({ move_failures: 12, moves_given_up: 1 });
  expect(told['move_silent_seconds']).toBeGreaterThanOrEqual(700);
  expect(told['move_fenced_seconds']).toBeGreaterThanOrEqual(90);
});
