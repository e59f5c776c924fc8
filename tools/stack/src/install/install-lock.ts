import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/**
 * Runs the work while no other program installs into the same folder.
 * The lock is a socket name in Linux's abstract namespace: the kernel frees it with its holder, so it cannot go
 * stale. It only saves double work: installing is safe without it, because folders are renamed into place.
 */
export async function withInstallLock<T>(folder: string, waiting: () => void, work: () => Promise<T>): Promise<T> {
  if (process.platform !== 'linux') return work();
  const name = `\0caregate-install-${createHash('sha256').update(folder).digest('hex').slice(0, 32)}`;
  let lock = await tryToLock(name);
  if (!lock) waiting();
  while (!lock) {
    await pause(100);
    lock = await tryToLock(name);
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
