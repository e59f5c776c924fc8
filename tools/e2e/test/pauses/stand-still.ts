import { setTimeout as delay } from 'node:timers/promises';

/** Stops a process for a while, as a paused virtual machine is; when this has resolved it goes on. */
export async function standStill(name: string, pid: number | undefined, seconds: number): Promise<void> {
  if (pid === undefined) throw new Error(`${name} does not run`);
  process.kill(pid, 'SIGSTOP');
  try {
    await delay(seconds * 1_000);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}
