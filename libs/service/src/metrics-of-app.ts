import type { FastifyInstance } from 'fastify';
import type { HealthChecks } from './health.ts';
import type { Metrics } from './metrics.ts';
import { operationOf } from './operation.ts';

/** Seconds; what a request may take is a few milliseconds to a few seconds. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** How long requests took, by operation and by the kind of their answer: `2xx`, `4xx`, `5xx`. */
export function measureRequests(fastify: FastifyInstance, metrics: Metrics): void {
  const took = metrics.histogram(
    'caregate_http_request_seconds',
    'How long requests took, by operation and by the kind of their answer',
    ['operation', 'status'],
    BUCKETS,
  );
  fastify.addHook('onResponse', (request, reply, done) => {
    const operation = operationOf(request)?.operationId;
    if (operation !== undefined) {
      took.observe({ operation, status: `${Math.floor(reply.statusCode / 100)}xx` }, reply.elapsedTime / 1_000);
    }
    done();
  });
}

/** What /ready says, as a figure that can be watched and alerted on. */
export function measureReadiness(metrics: Metrics, health: HealthChecks): void {
  const ready = metrics.gauge('caregate_ready', 'Whether the app can do its work, as /ready says');
  Object.assign(ready, {
    collect: async () =>
      ready.set(
        await health.assertReady().then(
          () => 1,
          () => 0,
        ),
      ),
  });
}
