/**
 * The keeper: a small process between a program and the servers that it starts.
 * It is the servers' real parent. When the program ends, however it ends (SIGKILL too), the channel to it closes,
 * and the keeper kills all that it started and removes the data. It runs in a session of its own, so a Ctrl-C
 * in the terminal does not reach it or the servers: the program decides about them.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, rmSync } from 'node:fs';
import type { FromKeeper, ToKeeper } from './keeper-protocol.ts';

process.title = 'caregate-keeper';
process.umask(0o077); // logs and data of all that it starts are its user's own

const children = new Map<number, ChildProcess>();
const removeAtEnd = new Set<string>();

// Should the keeper itself be killed, the kernel kills its children.
const dieWithKeeper =
  spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true'], { stdio: 'ignore' }).status === 0
    ? ['setpriv', '--pdeathsig', 'KILL', '--']
    : [];

process.on('message', (message: ToKeeper) => {
  switch (message.type) {
    case 'start':
      return start(message);
    case 'signal':
      return signalGroup(children.get(message.id), message.signal);
    case 'remove-at-end':
      removeAtEnd.add(message.folder);
      return;
    case 'forget':
      removeAtEnd.delete(message.folder);
      return;
  }
});
process.on('disconnect', () => void end());
process.on('SIGTERM', () => void end());
process.on('SIGINT', () => {});
process.on('SIGHUP', () => {});

function start({ id, command, args, cwd, env, logFile }: Extract<ToKeeper, { type: 'start' }>): void {
  let log: number;
  try {
    log = openSync(logFile, 'a');
  } catch (error) {
    return tell({ type: 'failed', id, reason: (error as Error).message });
  }
  const [program, ...rest] = [...dieWithKeeper, command, ...args] as [string, ...string[]];
  // A process group of its own, so that what the child starts is signalled with it.
  const child = spawn(program, rest, { cwd, env, stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  children.set(id, child);
  child.once('spawn', () => tell({ type: 'started', id, pid: child.pid as number }));
  child.once('error', (error) => {
    if (child.pid !== undefined) return;
    children.delete(id);
    tell({ type: 'failed', id, reason: error.message });
  });
  child.once('exit', (code, signal) => {
    children.delete(id);
    // Anything that the child left in its group goes with it.
    killGroup(child.pid as number, 'SIGKILL');
    tell({ type: 'ended', id, code, signal });
  });
}

function signalGroup(child: ChildProcess | undefined, signal: NodeJS.Signals): void {
  if (child?.pid !== undefined) killGroup(child.pid, signal);
}

function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // gone already
  }
}

function tell(message: FromKeeper): void {
  if (process.connected) process.send?.(message, () => {});
}

let ending = false;
async function end(): Promise<void> {
  if (ending) return;
  ending = true;
  await Promise.all(
    [...children.values()].map(
      (child) =>
        new Promise<void>((resolve) => {
          child.once('exit', () => resolve());
          child.once('error', () => resolve());
          signalGroup(child, 'SIGKILL');
        }),
    ),
  );
  for (const folder of removeAtEnd) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  process.exit(0);
}
