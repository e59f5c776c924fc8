import type { Metrics } from '../metrics.ts';
import { Backlog, type BacklogLimits } from './backlog.ts';
import type { InFlightLimit } from './in-flight-limit.ts';

/** What is in flight, and how much may be; gives the counter of what was turned away. */
export function measureLoad(limit: InFlightLimit, metrics: Metrics) {
  const inFlight = metrics.gauge('caregate_requests_in_flight', 'Requests that are being worked on');
  Object.assign(inFlight, { collect: () => inFlight.set(limit.inFlight) });
  const most = metrics.gauge('caregate_requests_in_flight_limit', 'How many may be, just now');
  Object.assign(most, { collect: () => most.set(limit.current) });
  return metrics.counter('caregate_requests_shed_total', 'Requests that got 503 since there were too many at once');
}

/** Requests that have not come whole, and answers that have not been taken: two backlogs with the same limits, and their metrics. */
export function measuredBacklogs(
  limits: BacklogLimits,
  metrics: Metrics,
): Readonly<Record<'request' | 'answer', Backlog>> {
  const dropped = metrics.counter(
    'caregate_slow_clients_dropped_total',
    'Connections that were closed since a request had not come whole, or an answer had not been taken: in its time (slow), or while too_many waited',
    ['waits_for', 'reason'],
  );
  const waiting = metrics.gauge(
    'caregate_slow_clients',
    'Requests that have not come whole, and answers that have not been taken',
    ['waits_for'],
  );
  const bytes = metrics.gauge('caregate_slow_clients_bytes', 'What is held of them in memory', ['waits_for']);
  const backlogOf = (waits_for: 'request' | 'answer') => {
    for (const reason of ['slow', 'too_many']) dropped.inc({ waits_for, reason }, 0);
    return new Backlog(limits, (reason) => dropped.inc({ waits_for, reason }));
  };
  const backlogs = { request: backlogOf('request'), answer: backlogOf('answer') };
  const collect = () => {
    for (const waits_for of ['request', 'answer'] as const) {
      waiting.set({ waits_for }, backlogs[waits_for].size);
      bytes.set({ waits_for }, backlogs[waits_for].bytes);
    }
  };
  Object.assign(waiting, { collect });
  return backlogs;
}
