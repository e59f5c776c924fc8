// The short form of `make soak`: after the same work again and again the API holds no more sockets, timers or other resources than before.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { eventually } from '@caregate/eventually';
import { COMPAT, startMeasuredApi, startPlace } from '../src/load-tool.ts';
import { makeClinic, newPatient, Requests } from '../src/requests.ts';

const ROUNDS = 4;
const ends: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

if (!existsSync(COMPAT)) console.warn(`The identity stub is not in ${COMPAT}: growth is not tried.`);

(existsSync(COMPAT) ? test : test.skip)('work that is over leaves nothing open', async () => {
  const later = (end: () => Promise<unknown>) => void ends.push(end);
  const place = await startPlace(COMPAT, later, () => undefined);
  const { app } = await startMeasuredApi(place);
  later(() => app.stop());
  // Ten digits; the first says to the stub what kind of user it is.
  const admin = `a${randomBytes(5).toString('hex').slice(1)}`;
  const open = async () => {
    const metrics = await (await fetch(`${app.url}/metrics`, { headers: { connection: 'close' } })).text();
    const valueOf = (name: string) => {
      const value = metrics.split('\n').find((line) => line.startsWith(`${name} `));
      if (value === undefined) throw new Error(`the API tells nothing of ${name}`);
      return Number(value.slice(name.length));
    };
    return {
      timers: valueOf('nodejs_active_resources{type="Timeout"}'),
      requests: valueOf('nodejs_active_requests_total'),
    };
  };
  const work = async () => {
    const requests = new Requests(app.url);
    const clinicId = await makeClinic(requests, admin, 'Again and again');
    await requests.pace((n) => requests.ask(newPatient(clinicId, admin, n, `N${n}-`)), { count: 60 });
    await requests.close();
  };
  await work();
  const before = await open();
  for (let round = 0; round < ROUNDS; round++) await work();
  // One or two timers come and go with what the app does by itself.
  await eventually(
    async () => {
      const { timers, requests } = await open();
      return timers <= before.timers + 2 && requests <= before.requests;
    },
    'no more timers and requests than after the first time',
    30_000,
  );
});
