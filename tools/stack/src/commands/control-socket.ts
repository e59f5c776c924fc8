import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { stateFolder } from '../places.ts';
import { withLock } from '../process/lock.ts';
import type { UpProcess, UpState } from './up-state.ts';

/**
 * The way to reach what `up` has left in the background. That it answers is the proof that it runs: no process ids,
 * which may have gone to somebody else, are trusted.
 */
export type Request = 'status' | 'stop';
export type Answer = UpState & { processes: UpProcess[] };

const longestSocketPath = 100;

function socketPath(): string {
  const path = join(stateFolder, 'up.sock');
  if (path.length <= longestSocketPath) return path;
  const name = createHash('sha256').update(stateFolder).digest('hex').slice(0, 16);
  return join(tmpdir(), `caregate-${userInfo().uid}-${name}.sock`);
}

/** Asks what runs in the background; undefined when nothing does. 'stop' is answered when all has been stopped. */
export function ask(request: Request): Promise<Answer | undefined> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect({ path: socketPath() }, () => socket.write(`${request}\n`));
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => (text += chunk));
    socket.on('end', () => resolve(text === '' ? undefined : (JSON.parse(text) as Answer)));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const nobody = ['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(error.code ?? '');
      return nobody ? resolve(undefined) : reject(error);
    });
  });
}

/** Listens for requests; undefined when another program of this checkout does already. */
export function listen(answer: (request: Request) => Promise<Answer>): Promise<Server | undefined> {
  return withLock(
    `control ${stateFolder}`,
    () => {},
    async () => {
      if (await ask('status')) return undefined;
      // Nobody answers, so the file is what a killed program has left.
      rmSync(socketPath(), { force: true });
      const server = createServer({ allowHalfOpen: true }, (socket) => {
        socket.setEncoding('utf8');
        socket.on('error', () => {});
        socket.once('data', (line: string) => {
          void answer(line.trim() === 'stop' ? 'stop' : 'status').then((reply) => socket.end(JSON.stringify(reply)));
        });
      });
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ path: socketPath() }, resolve);
      });
      return server;
    },
  );
}
