import { randomBytes } from 'node:crypto';
import { call, eventually } from '@caregate/demo';
import { type Platform, type Servers, startServers, startShards } from '@caregate/stack';
import { leaveNoDatabases } from './leave-nothing.ts';
import { failed, press, taken, turnedAway } from './overload/pressure.ts';
import { openPractice, type Practice } from './practice.ts';

// The short form of overload.soak.ts, which measures.
const prefix = `ov${randomBytes(3).toString('hex')}_`;
let servers: Servers;
let platform: Platform;
let practice: Practice;
beforeAll(async () => {
  servers = await startServers({ only: ['mongod'] });
  const env = () => ({ MAX_REQUESTS_IN_FLIGHT: '20' });
  platform = await startShards(servers, { shards: ['au1'], only: ['clinic-api'], prefix, env });
  practice = await openPractice(platform.shard('au1'), `${prefix.slice(0, -1)}-harbour`);
}, 120_000);
afterAll(async () => {
  await platform?.stop();
  await leaveNoDatabases(servers, prefix);
  await servers?.stop();
});

test.each([
  ['read', '?limit=50&sort=%2BfullName&sortType=cgm', false],
  ['write', '', true],
])(
  'asked for more than it can serve, it serves what it can (%s), turns the rest away, and recovers',
  async (_, query, admits) => {
    const { api } = platform.shard('au1');
    const path = `/v1/clinics/${practice.clinicId}/patients`;
    const load = { url: api.url, path: path + query, token: practice.token, admits };
    const pressing = press({ ...load, together: 200, seconds: 3 });
    const health = await Promise.all(['/live', '/ready', '/metrics'].map((each) => call({ url: api.url + each })));
    const { outcomes, unclear } = await pressing;
    expect(health.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(taken(outcomes).length).toBeGreaterThan(0);
    expect(turnedAway(outcomes).length).toBeGreaterThan(0);
    expect({ failed: failed(outcomes), unclear }).toEqual({ failed: [], unclear: 0 });
    await eventually('it takes on what is usual', async () => {
      const after = await press({ ...load, together: 8, seconds: 0.5 });
      return taken(after.outcomes).length === after.outcomes.length && after.outcomes.length > 0;
    });
  },
);

test('what was admitted under pressure is there, and nothing else', async () => {
  const { api } = platform.shard('au1');
  const load = { url: api.url, path: `/v1/clinics/${practice.clinicId}/patients`, token: practice.token };
  const headers = { 'x-tidepool-session-token': practice.token };
  const count = async () => {
    const { body } = await call({ url: `${load.url}${load.path}?limit=1`, headers });
    return (body as { meta: { count: number } }).meta.count; // as the contract says
  };
  const before = await count();
  const { outcomes } = await press({ ...load, admits: true, together: 100, seconds: 2 });
  expect(await count()).toBe(before + taken(outcomes).length);
});
