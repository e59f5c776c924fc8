import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { z } from 'zod';
import type { Counter, Metrics } from '../metrics.ts';
import { networkOf, type Trust } from '../proxies.ts';
import { Tally } from '../tally.ts';
import type { Backlog } from './backlog.ts';
import { UnfinishedRequest } from './waits.ts';

/** How many connections an app holds; part of `loadSettings`. */
export const connectionSettings = {
  MAX_CONNECTIONS: z.coerce
    .number()
    .int()
    .min(1)
    .max(1_000_000)
    .default(10_000)
    .describe('connections that are open at once; for one more the one that has been idle longest is closed'),
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

/** A connection that is open. */
export interface Connection {
  readonly socket: Socket;
  /** Undefined for a proxy that is trusted: everybody's connections come from it, so there such limits are the proxy's business. */
  readonly network: string | undefined;
  /** A request of it was read and is not answered. Those that come meanwhile (pipelining) wait here; there are few. */
  isBusy: boolean;
  readonly pipelined: (() => void)[];
  /** How much had been read when it began to wait for a request; what is beyond this are headers that are not complete. */
  readBefore: number;
  headers?: UnfinishedRequest;
}

const CONNECTION = Symbol('CONNECTION');
type Known = Socket & { [CONNECTION]?: Connection };

/**
 * The connections of an app: not too many at once, of one network nor in all, so that nobody can hold those that others need by opening many and
 * saying little in each. When there are too many in all, the one that has said nothing for longest goes, not the one that comes.
 */
export class Connections {
  private readonly open = new Tally();
  private readonly all = new Set<Connection>();
  /** Those without a request that is being served, in the order in which they began to wait for one. */
  private readonly idle = new Set<Connection>();
  private readonly closed: Counter<'too_many'>;

  constructor(
    server: Server,
    private readonly settings: ConnectionSettings,
    private readonly trust: Trust | undefined,
    private readonly unfinished: Backlog,
    metrics: Metrics,
  ) {
    this.closed = metrics.counter(
      'caregate_connections_closed_total',
      'Connections that were closed since there were too many: new ones in_all or of_address, or the longest idle one',
      ['too_many'],
    );
    for (const too_many of ['in_all', 'of_address', 'idle'] as const) this.closed.inc({ too_many }, 0);
    server.on('connection', (socket: Socket) => this.take(socket));
  }

  of(socket: Socket): Connection | undefined {
    return (socket as Known)[CONNECTION];
  }

  /** A request has been read from it. */
  begin(connection: Connection): void {
    connection.isBusy = true;
    this.idle.delete(connection);
    if (connection.headers) this.unfinished.remove(connection.headers);
    delete connection.headers;
  }

  /** The request has been answered, or nobody waits for the answer. */
  end(connection: Connection): void {
    connection.isBusy = false;
    if (connection.socket.destroyed) return;
    connection.readBefore = connection.socket.bytesRead;
    this.idle.add(connection);
  }

  /** Finds those that have sent a part of a request's headers: Node keeps the part, and does not tell. */
  sweep(now: number, graceMs: number): void {
    for (const connection of this.idle) {
      const bytes = connection.socket.bytesRead - connection.readBefore;
      if (bytes === 0) continue;
      if (!connection.headers) {
        const { network, socket, readBefore } = connection;
        connection.headers = new UnfinishedRequest(network, socket, now, graceMs, { readBefore });
        this.unfinished.add(connection.headers);
      }
      this.unfinished.grow(connection.headers, bytes - connection.headers.bytes);
    }
  }

  private take(socket: Socket): void {
    const { remoteAddress } = socket;
    if (remoteAddress === undefined) return void socket.destroy(); // it has gone already
    const network = this.trust?.(remoteAddress, 0) ? undefined : networkOf(remoteAddress);
    if (!this.isRoomFor(network)) return void socket.destroy();
    const connection: Connection = { socket, network, isBusy: false, pipelined: [], readBefore: 0 };
    (socket as Known)[CONNECTION] = connection;
    this.all.add(connection);
    this.idle.add(connection);
    if (network !== undefined) this.open.add(network);
    socket.once('close', () => this.leave(connection));
  }

  private leave(connection: Connection): void {
    this.all.delete(connection);
    this.idle.delete(connection);
    connection.pipelined.length = 0;
    if (connection.headers) this.unfinished.remove(connection.headers);
    const { network } = connection;
    if (network !== undefined) this.open.remove(network);
  }

  private isRoomFor(network: string | undefined): boolean {
    const { MAX_CONNECTIONS, MAX_CONNECTIONS_PER_ADDRESS: mostOfAddress } = this.settings;
    if (mostOfAddress > 0 && network !== undefined && this.open.of(network) >= mostOfAddress) {
      this.closed.inc({ too_many: 'of_address' });
      return false;
    }
    if (this.all.size < MAX_CONNECTIONS || this.closeLongestIdle()) return true;
    this.closed.inc({ too_many: 'in_all' });
    return false;
  }

  private closeLongestIdle(): boolean {
    const [longest] = this.idle;
    if (!longest) return false;
    this.closed.inc({ too_many: 'idle' });
    this.all.delete(longest); // its place is free now, and not only when it has closed
    this.idle.delete(longest);
    longest.socket.destroy();
    return true;
  }
}
