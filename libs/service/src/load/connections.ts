import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { z } from 'zod';
import type { Metrics } from '../metrics.ts';
import { networkOf, type Trust } from '../proxies.ts';

/** How many connections an app holds; part of `loadSettings`. */
export const connectionSettings = {
  MAX_CONNECTIONS: z.coerce
    .number()
    .int()
    .min(1)
    .max(1_000_000)
    .default(10_000)
    .describe('connections that are open at once; one more is closed at once'),
  MAX_CONNECTIONS_PER_ADDRESS: z.coerce
    .number()
    .int()
    .min(0)
    .max(1_000_000)
    .default(1_000)
    .describe(
      'those of one address, of IPv6 of one network; one more is closed at once. Not of TRUSTED_PROXIES. 0: no limit',
    ),
} as const;

export interface ConnectionSettings {
  readonly MAX_CONNECTIONS: number;
  readonly MAX_CONNECTIONS_PER_ADDRESS: number;
}

/**
 * Closes connections beyond the most at once, so that nobody can hold those that others need by opening many and saying little in each.
 * Behind a proxy that is trusted the address is the proxy's, of whom everybody's connections come: there the limit is the proxy's business.
 */
export function limitConnections(
  server: Server,
  settings: ConnectionSettings,
  trust: Trust | undefined,
  metrics: Metrics,
): void {
  const closed = metrics.counter(
    'caregate_connections_closed_total',
    'Connections that were closed at once, since there were too many in all or of one address',
    ['too_many'],
  );
  for (const too_many of ['in_all', 'of_address']) closed.inc({ too_many }, 0);
  server.maxConnections = settings.MAX_CONNECTIONS;
  server.on('drop', () => closed.inc({ too_many: 'in_all' }));
  const most = settings.MAX_CONNECTIONS_PER_ADDRESS;
  if (most === 0) return;
  const open = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const { remoteAddress } = socket;
    if (remoteAddress === undefined || trust?.(remoteAddress, 0)) return; // without an address it has gone already
    const network = networkOf(remoteAddress);
    const held = open.get(network) ?? 0;
    if (held >= most) {
      closed.inc({ too_many: 'of_address' });
      socket.destroy();
      return;
    }
    open.set(network, held + 1);
    socket.once('close', () => {
      const left = (open.get(network) ?? 1) - 1;
      if (left === 0) open.delete(network);
      else open.set(network, left);
    });
  });
}
