import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { StackError } from '../errors.ts';
import type { FromKeeper, ToKeeper } from './keeper-protocol.ts';

export interface Command {
  command: string;
  args: string[];
  cwd: string;
  env: Record<string, string>;
  logFile: string;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Ended because this program has ended all that it started. */
  dismissed?: boolean;
}

/** A running process that does not outlive this program. */
export interface KeptProcess {
  readonly pid: number;
  /** Set once the process has ended. */
  readonly exit: Exit | undefined;
  /** Resolves when the process ends. Does not keep this program alive; `waitForEnd` does. */
  readonly ended: Promise<Exit>;
  waitForEnd(): Promise<Exit>;
  signal(signal: NodeJS.Signals): void;
}

/** Starts a process that is killed when this program ends, in whatever way. */
export function keep(command: Command): Promise<KeptProcess> {
  keeper ??= new Keeper();
  return keeper.start(command);
}

/** The folder is removed when this program ends, in whatever way. */
export function removeAtEnd(folder: string): void {
  keeper ??= new Keeper();
  keeper.removeAtEnd(folder);
}

/** The folder has been removed. */
export function forgetFolder(folder: string): void {
  keeper?.forgetFolder(folder);
}

/** Ends the keeper when it has nothing left to keep, so that nothing of ours is seen after a stop. */
export async function dismissIdleKeeper(): Promise<void> {
  if (keeper?.idle) await keeper.dismiss();
}

/** Kills all that was started by this program, and waits until it is gone. */
export async function endAllKept(): Promise<void> {
  await keeper?.dismiss();
}

let keeper: Keeper | undefined;

interface Entry {
  resolve: (kept: KeptProcess) => void;
  reject: (error: Error) => void;
  kept?: KeptProcess & { exit: Exit | undefined };
  end?: (exit: Exit) => void;
}

class Keeper {
  private readonly child: ChildProcess;
  private readonly entries = new Map<number, Entry>();
  private readonly folders = new Set<string>();
  private readonly gone: Promise<void>;
  private nextId = 1;
  private waiting = 0;
  private dismissed = false;

  constructor() {
    const { NODE_OPTIONS: _, ...env } = process.env;
    this.child = spawn(process.execPath, [fileURLToPath(new URL('./keeper-main.ts', import.meta.url))], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      detached: true,
      env,
    });
    this.child.on('message', (message: FromKeeper) => this.hear(message));
    this.gone = new Promise((resolve) => {
      this.child.once('exit', () => this.buried(resolve));
      this.child.once('error', () => this.buried(resolve));
    });
    this.child.unref();
    this.child.channel?.unref();
  }

  get idle(): boolean {
    return this.entries.size === 0 && this.folders.size === 0;
  }

  removeAtEnd(folder: string): void {
    this.folders.add(folder);
    this.send({ type: 'remove-at-end', folder });
  }

  forgetFolder(folder: string): void {
    this.folders.delete(folder);
    this.send({ type: 'forget', folder });
  }

  private send(message: ToKeeper): void {
    if (this.child.connected) this.child.send(message, () => {});
  }

  async start(command: Command): Promise<KeptProcess> {
    const id = this.nextId++;
    return this.stayAlive(
      new Promise((resolve, reject) => {
        this.entries.set(id, { resolve, reject });
        this.send({ type: 'start', id, ...command });
      }),
    );
  }

  async dismiss(): Promise<void> {
    if (keeper === this) keeper = undefined;
    this.dismissed = true;
    this.child.ref();
    if (this.child.connected) this.child.disconnect();
    await this.gone;
  }

  private hear(message: FromKeeper): void {
    const entry = this.entries.get(message.id);
    if (!entry) return;
    switch (message.type) {
      case 'started':
        entry.kept = this.keptProcess(message.id, message.pid, entry);
        return entry.resolve(entry.kept);
      case 'failed':
        this.entries.delete(message.id);
        return entry.reject(new StackError(message.reason));
      case 'ended':
        this.entries.delete(message.id);
        return this.endEntry(entry, { code: message.code, signal: message.signal });
    }
  }

  private keptProcess(id: number, pid: number, entry: Entry): KeptProcess & { exit: Exit | undefined } {
    const ended = new Promise<Exit>((resolve) => (entry.end = resolve));
    return {
      pid,
      exit: undefined,
      ended,
      waitForEnd: () => this.stayAlive(ended),
      signal: (signal) => this.send({ type: 'signal', id, signal }),
    };
  }

  private endEntry(entry: Entry, exit: Exit): void {
    if (!entry.kept) return entry.reject(new StackError('the process ended before it had started'));
    entry.kept.exit = exit;
    entry.end?.(exit);
  }

  /** The keeper has been killed; where the kernel did not take its children along, do it here. */
  private buried(resolve: () => void): void {
    if (keeper === this) keeper = undefined;
    for (const entry of this.entries.values()) {
      if (entry.kept) killGroup(entry.kept.pid);
      this.endEntry(entry, { code: null, signal: 'SIGKILL', dismissed: this.dismissed });
    }
    this.entries.clear();
    resolve();
  }

  /** The channel to the keeper keeps this program running only while somebody waits for an answer. */
  private async stayAlive<T>(answer: Promise<T>): Promise<T> {
    if (this.waiting++ === 0) this.child.channel?.ref();
    try {
      return await answer;
    } finally {
      if (--this.waiting === 0) this.child.channel?.unref();
    }
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // gone already
  }
}
