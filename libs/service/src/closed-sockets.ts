import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { mongo } from 'mongoose';

/** What is used of the driver's own class of a connection. */
interface DriverConnection {
  readonly socket: Socket;
  writeCommand(...args: unknown[]): Promise<void>;
}

const GUARDED = Symbol.for('caregate.guarded');

/**
 * Lets a command fail whose connection is closed as it is sent. The MongoDB driver (7.8 and 7.9, `cmap/connection.js`, `writeCommand`) waits
 * for the socket's `drain`, which never comes from a closed socket: such a command, whoever waits for it, and whoever shares its reading, would
 * wait for ever. As a network error it is tried again or told, like any other. Does nothing when called again.
 */
export function guardAgainstClosedSockets(): void {
  const { prototype } = driverConnection();
  if (GUARDED in prototype) return;
  const { writeCommand } = prototype;
  Object.assign(prototype, {
    [GUARDED]: true,
    async writeCommand(this: DriverConnection, ...args: unknown[]): Promise<void> {
      const { socket } = this;
      if (socket.destroyed) throw closed();
      let fail: () => void = () => undefined;
      const failure = new Promise<never>((_resolve, reject) => (fail = () => reject(closed())));
      socket.once('close', fail);
      try {
        await Promise.race([writeCommand.apply(this, args), failure]);
      } finally {
        socket.off('close', fail);
      }
    },
  });
}

const closed = () => new mongo.MongoNetworkError('the connection to MongoDB was closed as a command was sent');

/** Of the driver that mongoose uses; it has no name for others. */
function driverConnection(): { readonly prototype: DriverConnection } {
  const ofMongoose = createRequire(createRequire(import.meta.url).resolve('mongoose'));
  const loaded: unknown = ofMongoose('mongodb/lib/cmap/connection.js');
  return (loaded as { Connection: { prototype: DriverConnection } }).Connection; // as in the driver's source
}
