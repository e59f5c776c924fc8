import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/**
 * Runs the work while no other program on this machine is at work under the same name.
 * The lock is a socket name in Linux's abstract namespace: the kernel frees it with its holder, so it cannot go stale.
 * Elsewhere there is no lock; what it guards is safe without it and at worst done twice.
 */
export async function withLock<T>(name: string, waiting: () => void, work: () => Promise<T>): Promise<T> {
  if (process.platform !== 'linux') return work();
  const socket = `\0caregate-${createHash('sha256').update(name).digest('hex').slice(0, 32)}`;
  let lock = await tryToLock(socket);
  if (!lock) waiting();
  while (!lock) {
    await pause(100);
    lock = await tryToLock(socket);
  }
  try {
    return await work();
  } finally {
    lock.close();
  }
}

function tryToLock(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    );
    server.listen({ path }, () => resolve(server));
  });
}
