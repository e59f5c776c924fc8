import { PauseRun } from './pauses/pause-run.ts';
import { endure } from './pauses/story.ts';

/** The short form; pauses.soak.ts has the long one. PAUSE_SEED plays one again. */
const SEED = Number(process.env.PAUSE_SEED ?? Date.now() % 1_000_000);

let run: PauseRun;
beforeAll(async () => void (run = await PauseRun.begin()), 300_000);
afterAll(() => run?.end(), 120_000);

test('parts that sleep or are killed while an account moves lose nothing that was acknowledged, and undo nothing', async () => {
  expect(await endure(run, { seed: SEED, rounds: 4, from: 1, seconds: [5, 5, 0] })).toEqual([]);
}, 900_000);
