import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { randomBytes } from 'node:crypto';
import { createConnection } from 'mongoose';
import { guardAgainstClosedSockets } from '../src/index.ts';

const { MONGODB_URI = '' } = process.env;
const opened: Socket[] = [];
const note = (message: unknown) => void opened.push((message as { socket: Socket }).socket); // what the channel tells
beforeAll(() => subscribe('net.client.socket', note));
afterAll(() => unsubscribe('net.client.socket', note));

(MONGODB_URI ? test : test.skip)(
  'a command whose connection closes as it is sent is tried again, not waited for',
  async () => {
    guardAgainstClosedSockets();
    const uri = new URL(MONGODB_URI);
    uri.pathname = `/closed_${randomBytes(5).toString('hex')}`;
    const connection = await createConnection(uri.href, { maxPoolSize: 1, monitorCommands: true }).asPromise();
    const notes = connection.collection<{ _id: number }>('notes');
    await notes.insertOne({ _id: 0 });
    for (let n = 1; n <= 3; n++) {
      // As when the server is gone: the socket is closed just before it is written to, and its owner hears of that a moment later.
      connection.getClient().once('commandStarted', () => opened.splice(0).forEach((socket) => socket.destroy()));
      await notes.insertOne({ _id: n });
      expect(await notes.countDocuments()).toBe(n + 1);
    }
    await connection.dropDatabase();
    await connection.close();
  },
);
