// The long form, for `make prove`: the API is asked four times as often as it can answer. It starts a server of its own:
//   node --experimental-vm-modules node_modules/jest/bin/jest.js --config jest.config.mjs --rootDir tools/e2e --runInBand \
//     --testMatch "**/overload.soak.ts" --testTimeout 7200000
// Its figures are meant for a machine that has nothing else to do. OVERLOAD_SECONDS is how long the pressure lasts (20).
import { type Platform, type Servers, startServers, startShards } from '@caregate/stack';
import { openPractice, type Practice } from './practice.ts';
import { admit, failed, lastRefusal, press, taken, turnedAway, within } from './overload/pressure.ts';

const SECONDS = Number(process.env.OVERLOAD_SECONDS ?? 20);
const TIMES = 4;

let servers: Servers;
let platform: Platform;
let practice: Practice;
beforeAll(async () => {
  servers = await startServers({ only: ['mongod'], env: {} });
  platform = await startShards(servers, { shards: ['au1'], only: ['clinic-api'] });
  practice = await openPractice(platform.shard('au1'), 'harbour');
  await admit(2_000, loadOf('/patients'));
}, 180_000);
afterAll(async () => {
  await platform?.stop();
  await servers?.stop();
});

const loadOf = (below: string) => ({
  url: platform.shard('au1').api.url,
  path: `/v1/clinics/${practice.clinicId}${below}`,
  token: practice.token,
});

test.each([
  ['reading a clinic', '', false],
  ['listing patients', '/patients?limit=50&sort=%2BfullName&sortType=cgm', false],
  ['searching for patients', '/patients?limit=50&sort=%2BfullName&sortType=cgm&search=pat', false],
  ['admitting patients', '/patients', true],
])('at four times what it can serve: %s', async (what, below, admits) => {
  const load = { ...loadOf(below), admits };
  await press({ ...load, together: 16, seconds: 3 });
  const usual = await press({ ...load, together: 16, seconds: 5 });
  const perSecond = taken(usual.outcomes).length / 5;
  const { outcomes, unclear } = await press({ ...load, perSecond: perSecond * TIMES, seconds: SECONDS });
  const after = await press({ ...load, perSecond: perSecond / 2, seconds: 5 });
  const figures = {
    what,
    usual: `${Math.round(perSecond)}/s, p99 ${within(0.99, usual.outcomes)} ms`,
    offered: `${Math.round(outcomes.length / SECONDS)}/s`,
    taken: `${Math.round(taken(outcomes).length / SECONDS)}/s, p50 ${within(0.5, taken(outcomes))} ms, p99 ${within(0.99, taken(outcomes))} ms`,
    turnedAway: `${turnedAway(outcomes).length}, p50 ${within(0.5, turnedAway(outcomes))} ms, p99 ${within(0.99, turnedAway(outcomes))} ms`,
    failed: failed(outcomes).length,
    after: `last refusal after ${lastRefusal(after.outcomes)} s, p99 ${within(0.99, taken(after.outcomes))} ms`,
  };
  console.log(JSON.stringify(figures, undefined, 2));
  expect({ failed: failed([...outcomes, ...after.outcomes]), unclear }).toEqual({ failed: [], unclear: 0 });
  expect(turnedAway(outcomes).length).toBeGreaterThan(outcomes.length / 4);
  expect(within(0.99, taken(outcomes))).toBeLessThan(1_000);
  expect(within(0.5, turnedAway(outcomes))).toBeLessThan(250);
  expect(taken(outcomes).length / SECONDS).toBeGreaterThan(perSecond / 3);
  expect(lastRefusal(after.outcomes)).toBeLessThan(3);
});
