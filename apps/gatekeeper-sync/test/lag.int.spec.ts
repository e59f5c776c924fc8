import { ConnectClient } from '@caregate/change-events';
import { eventually } from '@caregate/eventually';
import { runningApp, type RunningApp } from './running-app.ts';

// Connectors are looked at once an hour, so that a sink that the test stops stays so.
const SETTINGS = {
  LAG_SECONDS: '0.2',
  LAG_LIMIT_SECONDS: '1',
  RECONCILE_SECONDS: '3600',
  READ_AFTER_TIMEOUT_MS: '500',
};

let running: RunningApp;
beforeAll(async () => {
  running = await runningApp(SETTINGS);
}, 120_000);
afterAll(() => running?.close());

const ready = () => running.ask('GET', '/ready');
const read = () =>
  running.app.inject({
    url: '/access/0000000001',
    headers: { 'x-tidepool-session-token': running.service, 'x-caregate-read-after': new Date().toISOString() },
  });

async function lagOf(replica: string): Promise<number> {
  const figures = (await running.ask('GET', '/metrics')).body;
  return Number(new RegExp(`caregate_replication_lag_seconds\\{replica="${replica}"\\} (\\S+)`).exec(figures)?.[1]);
}

test('a replica that falls behind is told by the figure, by /ready and to readers of their writes, until it has caught up', async () => {
  const connect = new ConnectClient(process.env['CONNECT_URL'] ?? '');
  const sink = `${running.prefix}.patient-permissions.sink`;
  await eventually(async () => (await lagOf('patient_permissions')) < 1, 'a lag that is measured');
  await eventually(async () => (await read()).statusCode === 200, 'an answer that is fresh');

  await connect.stop(sink);
  await eventually(async () => (await ready()).statusCode === 503, 'not ready');
  expect((await ready()).json().message).toMatch(/replication: patient_permissions .*more than 1 s behind/);
  expect((await ready()).json().message).not.toContain('clinician_permissions');
  await eventually(async () => (await lagOf('patient_permissions')) > 1, 'the figure');
  const stale = await read();
  expect(stale.statusCode).toBe(503);
  expect(stale.headers['retry-after']).toBeDefined();
  expect((await running.ask('GET', '/access/0000000001', running.service)).statusCode).toBe(200);

  await connect.resume(sink);
  await eventually(async () => (await ready()).statusCode === 200, 'ready again');
  await eventually(async () => (await lagOf('patient_permissions')) < 1, 'caught up');
  await eventually(async () => (await read()).statusCode === 200, 'a fresh answer again');
}, 120_000);
