import { once } from 'node:events';
import type { Server as HttpServer } from 'node:http';
import { createServer, type Server } from 'node:net';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';

/** Each gives one new connection in a turn of the event loop. */
const SOCKETS = 16;
/** Connections that wait to be taken, of each socket. One that finds no place tries again only after a second, and is the slowest of all. */
const BACKLOG = 4_096;

export interface Place {
  readonly host: string;
  /** 0 for a free one. */
  readonly port: number;
}

/**
 * Listens at a port by several sockets. libuv takes one new connection of each in a turn of the event loop, and under load a turn takes
 * milliseconds: with one socket, strangers who connect by thousands would keep everybody else waiting for seconds before they are even heard.
 * The kernel spreads connections over the sockets (SO_REUSEPORT).
 * @throws when the port is taken, also by another copy of an app that listens in this way
 */
export async function listen(app: NestFastifyApplication, { host, port }: Place): Promise<void> {
  if (port !== 0) await assertFree({ host, port });
  const place = { host, port, backlog: BACKLOG, reusePort: true }; // Fastify hands on what its type does not know
  await app.listen(place);
  const server: HttpServer = app.getHttpServer();
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it listens at a port');
  const more: Server[] = [];
  closeTogether(server, more);
  while (more.length < SOCKETS - 1) more.push(await listenFor(server, { host: address.address, port: address.port }));
}

/** Closing the server closes its other sockets too, and waits until their connections have ended. */
function closeTogether(server: HttpServer, more: readonly Server[]): void {
  const close = server.close.bind(server);
  server.close = (done) => {
    const closed = more.map((each) => once(each.close(), 'close'));
    return close((error) => void Promise.all(closed).then(() => done?.(error)));
  };
}

/** One more socket, whose connections are the server's. */
async function listenFor(server: HttpServer, place: Place): Promise<Server> {
  // As http.Server makes its own connections.
  const more = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => server.emit('connection', socket));
  more.listen({ ...place, backlog: BACKLOG, reusePort: true });
  await once(more, 'listening');
  return more;
}

/** Sockets that share a port do not notice each other; one that does not share it notices all. @throws when the port is taken */
async function assertFree(place: Place): Promise<void> {
  const probe = createServer().listen(place);
  await once(probe, 'listening');
  probe.close();
  await once(probe, 'close');
}
