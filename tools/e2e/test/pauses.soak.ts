// The long form, for `make prove`: PAUSE_ROUNDS (20) times a part of the platform, by lot, sleeps for 5, 20 or 60 seconds or is killed, while an
// account moves to and fro under writes, deletions and sharing. It starts servers of its own:
//   node --experimental-vm-modules node_modules/jest/bin/jest.js --config jest.config.mjs --rootDir tools/e2e --runInBand \
//     --testMatch "**/pauses.soak.ts" --testTimeout 7200000
// PAUSE_SEED gives the lot; it is printed. PAUSE_FROM leaves out the rounds before it, so that a long run can be done in parts.
import { PauseRun } from './pauses/pause-run.ts';
import { endure } from './pauses/story.ts';

const SEED = Number(process.env.PAUSE_SEED ?? Date.now() % 1_000_000);
const ROUNDS = Number(process.env.PAUSE_ROUNDS ?? 20);
const FROM = Number(process.env.PAUSE_FROM ?? 1);
const SECONDS = (process.env.PAUSE_SECONDS ?? '5,20,60,0').split(',').map(Number);

let run: PauseRun;
beforeAll(async () => void (run = await PauseRun.begin()), 300_000);
afterAll(() => run?.end(), 120_000);

test('whatever part sleeps or is killed while an account moves: what was acknowledged is so, once, where the account is', async () => {
  expect(await endure(run, { seed: SEED, rounds: ROUNDS, from: FROM, seconds: SECONDS })).toEqual([]);
});
