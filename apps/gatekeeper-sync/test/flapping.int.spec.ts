import { jest } from '@jest/globals';
import { ConnectClient } from '@caregate/change-events';
import { eventually } from '@caregate/eventually';
import { LOGGER, type Logger } from '@caregate/service';
import { mongo } from 'mongoose';
import { runningApp, type RunningApp } from './running-app.ts';

// A source that fails as soon as it has something to send, is restarted, and fails again: it is seen to run in most looks.
const connect = new ConnectClient(process.env['CONNECT_URL'] ?? '');
const TOO_SMALL = { 'producer.override.max.request.size': '100' };
let running: RunningApp;
let source: string;

beforeAll(async () => {
  running = await runningApp({ RECONCILE_SECONDS: '1', LAG_SECONDS: '0.5' });
  source = `${running.prefix}.patients`;
}, 120_000);
afterAll(() => running?.close());

const found = async () => (await connect.connectors()).find(({ name }) => name === source);
const isReady = async () => (await running.ask('GET', '/ready')).statusCode === 200;

async function figure(name: string): Promise<number> {
  const { body } = await running.ask('GET', '/metrics');
  return Number(new RegExp(`^${name}\\{connector="${source}"\\} (\\S+)`, 'm').exec(body)?.[1]);
}

test('figures, readiness and log say that it fails again and again', async () => {
  const said = jest.spyOn(running.app.get<Logger>(LOGGER), 'error');
  await eventually(async () => (await figure('caregate_source_lag_seconds')) < 30, 'a place of the source');
  expect(await figure('caregate_connector_up')).toBe(1);
  const { config = {} } = (await found()) ?? {};
  const settings = Object.entries(config).filter((entry): entry is [string, string] => entry[1] !== null);
  await connect.put({ name: source, config: { ...Object.fromEntries(settings), ...TOO_SMALL } });
  await running.clinic
    .collection('patients')
    .insertOne({ clinicId: new mongo.ObjectId(), userId: '0000000001', permissions: { view: {} } });
  await eventually(async () => (await figure('caregate_connector_restarts_total')) > 0, 'a restart');
  // The restart is counted as it is asked for, and the connector as down when all have been looked at.
  await eventually(async () => (await figure('caregate_connector_up')) === 0, 'the connector is down');

  const samples: { up: number; ready: boolean }[] = [];
  await eventually(async () => {
    samples.push({ up: await figure('caregate_connector_up'), ready: await isReady() });
    return (await figure('caregate_connector_restarts_total')) > 3;
  }, 'the restarts that the alert waits for');
  expect(samples.filter(({ up, ready }) => up !== 0 || !ready)).toEqual([]);
  await eventually(async () => (await figure('caregate_source_lag_seconds')) > 10, 'the source is seen to be behind');
  expect(said).toHaveBeenCalledWith(
    { connector: source, reason: expect.stringMatching(/RecordTooLarge|max\.request\.size/) },
    expect.stringContaining('does not run'),
  );
  // What the operator gave it is still there, so that it was not this that mended it.
  expect((await found())?.config).toMatchObject(TOO_SMALL);
}, 120_000);
