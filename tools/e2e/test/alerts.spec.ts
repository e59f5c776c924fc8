import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { alertRules, firedBy } from './prometheus/alerts.ts';
import { type Labels, Samples } from './prometheus/promql.ts';

const run = promisify(execFile);

/** A figure as it is scraped: its value, or how it comes from the seconds since the trouble began. */
type Figure = readonly [name: string, labels: Labels, value: number | ((seconds: number) => number)];

const SYNC = { app: 'gatekeeper-sync', shard: 'au1' };
const WORKER = { app: 'clinic-worker', shard: 'au1' };
const API = { app: 'clinic-api', shard: 'au1' };
const DIRECTORY = { app: 'directory' };
const NOW = 1_769_810_400;
const [CALM_SECONDS, TROUBLE_SECONDS] = [900, 5_400];

const growing = (perSecond: number) => (seconds: number) => Math.max(0, seconds) * perSecond;
/** One event, a minute after the trouble began. */
const once = (seconds: number) => (seconds >= 60 ? 1 : 0);
const age = (le: string, perSecond: number): Figure => [
  'caregate_event_age_seconds_bucket',
  { ...WORKER, topic: 'au1.patients', reaction: 'sign_up', le },
  (seconds) => CALM_SECONDS + (seconds < 0 ? seconds : seconds * perSecond),
];

/** What all figures are while nothing is wrong. */
const CALM: readonly Figure[] = [
  ...[SYNC, WORKER, API, DIRECTORY].flatMap((app): Figure[] => [
    ['up', { job: 'caregate', ...app }, 1],
    ['caregate_ready', app, 1],
    ['caregate_requests_shed_total', app, 0],
    ['caregate_slow_clients_dropped_total', { ...app, waits_for: 'body' }, 0],
    ['caregate_connections_closed_total', app, 0],
    ['caregate_http_request_seconds_count', { ...app, status: '2xx' }, (seconds) => 10 * (seconds + CALM_SECONDS)],
    ['caregate_http_request_seconds_count', { ...app, status: '5xx' }, 0],
  ]),
  ['caregate_replication_lag_seconds', { ...SYNC, replica: 'perms' }, 0.03],
  ['caregate_connector_up', { ...SYNC, connector: 'au1.patients' }, 1],
  ['caregate_connector_failed_tasks', { ...SYNC, connector: 'au1.patients' }, 0],
  ['caregate_connector_restarts_total', { ...SYNC, connector: 'au1.patients' }, 0],
  ['caregate_connector_acts_total', { ...SYNC, act: 'begun anew' }, 0],
  ['caregate_connector_acts_total', { ...SYNC, act: 'freed of poison' }, 0],
  ['caregate_source_lag_seconds', { ...SYNC, connector: 'au1.patients' }, 8],
  ['caregate_drift_rows_total', { ...SYNC, replica: 'perms', kind: 'extra' }, 0],
  ['caregate_drift_last_check_seconds', { ...SYNC, replica: 'perms' }, (seconds) => NOW + seconds - 100],
  ['caregate_consumer_lag', { ...WORKER, topic: 'au1.patients', partition: '0' }, 3],
  ['caregate_event_gaps', { ...WORKER, topic: 'au1.patients' }, 0],
  ['caregate_events_found_due_total', { ...WORKER, topic: 'au1.user-events' }, 0],
  ...['0.1', '60', '600', '+Inf'].map((le) => age(le, 1)),
  ['caregate_reactions_total', { ...WORKER, reaction: 'sign_up', outcome: 'dead' }, 0],
  ['caregate_malformed_messages_total', { ...WORKER, topic: 'au1.patients' }, 0],
  ['caregate_mail_total', { ...WORKER, template: 'sign_up', outcome: 'refused' }, 0],
  ['caregate_smtp_up', WORKER, 1],
  ['caregate_clinics_without_admin_total', WORKER, 0],
  ['caregate_move_failures', DIRECTORY, 2],
  ['caregate_move_silent_seconds', DIRECTORY, 30],
  ['caregate_move_fenced_seconds', DIRECTORY, 1],
  ['caregate_moves_given_up', DIRECTORY, 0],
];

/** What is scraped when something is wrong, in place of what is said above. */
const TROUBLES: Readonly<Record<string, readonly Figure[]>> = {
  CaregateAppDown: [['up', { job: 'caregate', ...SYNC }, 0]],
  CaregateNotReady: [['caregate_ready', SYNC, 0]],
  CaregateReplicationBehind: [['caregate_replication_lag_seconds', { ...SYNC, replica: 'perms' }, growing(1)]],
  CaregateConnectorDown: [['caregate_connector_up', { ...SYNC, connector: 'au1.patients' }, 0]],
  CaregateConnectorTaskFailed: [['caregate_connector_failed_tasks', { ...SYNC, connector: 'au1.patients' }, 1]],
  // As of a source that fails within seconds each time: after some restarts the pauses are half a minute.
  CaregateConnectorFails: [
    [
      'caregate_connector_restarts_total',
      { ...SYNC, connector: 'au1.patients' },
      (s) => Math.floor(growing(1 / 33)(s)),
    ],
  ],
  CaregateSourceBehind: [['caregate_source_lag_seconds', { ...SYNC, connector: 'au1.patients' }, growing(1)]],
  CaregateSourceLostItsPlace: [['caregate_connector_acts_total', { ...SYNC, act: 'begun anew' }, once]],
  CaregateEventsMissed: [['caregate_event_gaps', { ...WORKER, topic: 'au1.patients' }, once]],
  CaregateEventsFoundDue: [['caregate_events_found_due_total', { ...WORKER, topic: 'au1.user-events' }, once]],
  CaregateRowSetAside: [['caregate_connector_acts_total', { ...SYNC, act: 'freed of poison' }, once]],
  CaregateDrift: [['caregate_drift_rows_total', { ...SYNC, replica: 'perms', kind: 'extra' }, once]],
  CaregateDriftUnchecked: [['caregate_drift_last_check_seconds', { ...SYNC, replica: 'perms' }, NOW]],
  CaregateEventsPileUp: [['caregate_consumer_lag', { ...WORKER, topic: 'au1.patients', partition: '0' }, 20_000]],
  CaregateEventsOld: [age('0.1', 0), age('60', 0.5), age('600', 1), age('+Inf', 1)],
  CaregateDeadLetters: [['caregate_reactions_total', { ...WORKER, reaction: 'sign_up', outcome: 'dead' }, once]],
  CaregateUnreadableMessages: [['caregate_malformed_messages_total', { ...WORKER, topic: 'au1.patients' }, once]],
  CaregateMailRefused: [['caregate_mail_total', { ...WORKER, template: 'sign_up', outcome: 'refused' }, once]],
  CaregateMailServerAway: [['caregate_smtp_up', WORKER, 0]],
  CaregateClinicWithoutAdmin: [['caregate_clinics_without_admin_total', WORKER, once]],
  CaregateMoveStuck: [['caregate_move_failures', DIRECTORY, (seconds) => Math.floor(growing(1 / 30)(seconds))]],
  CaregateMoveSilent: [['caregate_move_silent_seconds', DIRECTORY, growing(1)]],
  CaregateMoveFencesWriters: [['caregate_move_fenced_seconds', DIRECTORY, growing(1)]],
  CaregateMoveGivenUp: [['caregate_moves_given_up', DIRECTORY, once]],
  CaregateShedsLoad: [['caregate_requests_shed_total', API, growing(5)]],
  CaregateHeldByClients: [['caregate_slow_clients_dropped_total', { ...API, waits_for: 'body' }, growing(10)]],
  CaregateRequestsFail: [['caregate_http_request_seconds_count', { ...API, status: '5xx' }, growing(1)]],
};

/** Scraped every 15 s: calm at first, then with what is wrong. */
function scraped(trouble: readonly Figure[]): Samples {
  const samples = new Samples();
  const key = ([name, labels]: Figure) => name + JSON.stringify(labels);
  const wrong = new Map(trouble.map((figure) => [key(figure), figure]));
  for (let seconds = -CALM_SECONDS; seconds <= TROUBLE_SECONDS; seconds += 15)
    for (const figure of CALM) {
      const [name, labels, value] = (seconds >= 0 ? wrong.get(key(figure)) : undefined) ?? figure;
      samples.add(NOW + seconds, name, labels, typeof value === 'number' ? value : value(seconds));
    }
  return samples;
}

const rules = await alertRules();
const fired = (trouble: readonly Figure[], of = rules) =>
  firedBy(of, scraped(trouble), NOW - CALM_SECONDS, NOW + TROUBLE_SECONDS);

test('every alert has its trouble here', () => {
  expect(Object.keys(TROUBLES).sort()).toEqual(rules.map(({ alert }) => alert).sort());
  const known = new Set(CALM.map(([name, labels]) => name + JSON.stringify(labels)));
  for (const [name, labels] of Object.values(TROUBLES).flat()) expect(known).toContain(name + JSON.stringify(labels));
});

test('no alert fires while nothing is wrong', () => {
  expect(fired([])).toEqual([]);
});

test.each(Object.entries(TROUBLES))('%s fires when it should, after the trouble began', (alert, trouble) => {
  const [first] = fired(
    trouble,
    rules.filter((rule) => rule.alert === alert),
  );
  expect({ alert, time: first?.time }).toEqual({ alert, time: expect.any(Number) });
  expect(first?.time).toBeGreaterThanOrEqual(NOW);
});

describe('a source that fails every few seconds and is restarted', () => {
  const connector = { ...SYNC, connector: 'au1.patients' };
  /** It runs in two of three looks. */
  const flaps = (seconds: number) => (Math.floor(seconds / 15) % 3 === 0 ? 1 : 0);

  test('fires by its restarts, though its tasks are seen to run most of the time', () => {
    const alerts = fired([
      ['caregate_connector_failed_tasks', connector, flaps],
      ['caregate_connector_restarts_total', connector, (seconds) => Math.floor(growing(1 / 33)(seconds))],
    ]).map(({ alert }) => alert);
    expect(alerts).toEqual(['CaregateConnectorFails']);
  });

  test('and one restart now and then fires nothing', () => {
    expect(fired([['caregate_connector_restarts_total', connector, (s) => Math.floor(growing(1 / 600)(s))]])).toEqual(
      [],
    );
  });
});

describe('the runbook', () => {
  const page = () => readFile(join(import.meta.dirname, '../../../docs/runbook.md'), 'utf8');

  test('has an entry for every alert, which the alert names, and none besides', async () => {
    const entries = [...(await page()).matchAll(/^## (Caregate\w+)$/gm)].map(([, alert]) => alert);
    expect(entries).toEqual(rules.map(({ alert }) => alert));
    for (const { alert, annotations } of rules)
      expect({ alert, runbook: annotations.runbook }).toEqual({
        alert,
        runbook: `docs/runbook.md#${alert.toLowerCase()}`,
      });
  });

  test.each(rules.map(({ alert }) => alert))('%s: what it means, and what to do, in steps', async (alert) => {
    const [, rest = ''] = (await page()).split(`\n## ${alert}\n`);
    const [entry = ''] = rest.split('\n## ');
    expect(entry).toMatch(/\*\*Means\*\*: \S/);
    expect(entry).toMatch(/\*\*Do\*\*:\n\n1\. \S/);
  });

  test('names commands that there are', async () => {
    const named = new Set([...(await page()).matchAll(/npx caregate ([a-z-]+)/g)].map(([, command = '']) => command));
    const { stdout } = await run(process.execPath, [join(import.meta.dirname, '../../caregate/src/main.ts'), '--help']);
    expect(named.size).toBeGreaterThan(2);
    for (const command of named) expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
  });
});
