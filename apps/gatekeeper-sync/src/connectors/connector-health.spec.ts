import type { ConnectorState } from '@caregate/change-events';
import { ConnectorHealth } from './connector-health.ts';

const state = (task: string): ConnectorState => ({
  name: 'au1.a',
  config: {},
  state: 'RUNNING',
  tasks: [{ id: 0, state: task }],
});

test('a connector that fails every few seconds and is restarted is not up in any sample', () => {
  let now = 0;
  const health = new ConnectorHealth(() => now);
  expect(health.look('au1.a', state('RUNNING')).isUp).toBe(true);
  const samples = Array.from({ length: 24 }, (_, n) => {
    now = n * 5_000;
    return health.look('au1.a', state(n % 3 === 0 ? 'FAILED' : 'RUNNING')).isUp;
  });
  expect(samples).not.toContain(true);
  now += 61_000;
  expect(health.look('au1.a', state('RUNNING')).isUp).toBe(true);
});

test('a failure that was restarted between two looks counts, too', () => {
  const health = new ConnectorHealth(() => 0);
  health.failed('au1.a');
  expect(health.look('au1.a', state('RUNNING'))).toEqual({ runs: true, isUp: false, failedTasks: 0, fault: undefined });
  expect(health.look('au1.b', undefined)).toMatchObject({ runs: false, isUp: false, fault: 'not there' });
});
