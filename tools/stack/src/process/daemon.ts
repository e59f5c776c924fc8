import { stat } from 'node:fs/promises';
import { stopwatch } from '../elapsed.ts';
import { StackError } from '../errors.ts';
import type { Log } from '../log.ts';
import { poll } from '../poll.ts';
import { keep, type Command, type Exit, type KeptProcess } from './keeper.ts';
import { lastLines } from './log-tail.ts';
import { isHeldByAnother, portHolder } from './port-holder.ts';

/** How to run something that listens on ports until it is stopped. */
export interface DaemonPlan {
  name: string;
  ports: number[];
  command: Command;
  /** Whether it is at work; may throw while it is not. */
  isReady(): Promise<boolean>;
  /** How long it may take to get ready. */
  withinMs: number;
}

/** It ended at once because somebody else listens on its port. */
export class PortTaken extends StackError {}

const portTakenWords = /EADDRINUSE|address already in use|failed to bind/i;

/** A server or an app: started, waited for, stopped, killed, and started again with the same ports and data. */
export class Daemon {
  readonly plan: DaemonPlan;
  private readonly log: Log;
  private kept: KeptProcess | undefined;
  private expectedToEnd = false;

  constructor(plan: DaemonPlan, log: Log) {
    this.plan = plan;
    this.log = log;
  }

  get pid(): number | undefined {
    return this.running ? this.kept?.pid : undefined;
  }

  get running(): boolean {
    return this.kept !== undefined && this.kept.exit === undefined;
  }

  /** Starts it and waits until it is ready; answers how long that took. */
  async start(): Promise<string> {
    const { name, ports, command, isReady, withinMs } = this.plan;
    if (this.running) throw new StackError(`${name} is running already`);
    const elapsed = stopwatch();
    const logBegin = await stat(command.logFile).then(
      ({ size }) => size,
      () => 0,
    );
    let kept: KeptProcess;
    try {
      kept = await keep(command);
    } catch (error) {
      throw new StackError(`${name} cannot be started: ${(error as Error).message}`);
    }
    this.kept = kept;
    this.expectedToEnd = false;
    // An answer may also come from somebody else who has the port; then this one is about to end.
    const answersItself = async () => (await isReady()) && !(await isHeldByAnother(ports[0] as number, kept.pid));
    const ready = await poll(answersItself, { withinMs, giveUp: () => kept.exit !== undefined });
    if (!ready || kept.exit) {
      const reason = kept.exit ? `ended at once (${describe(kept.exit)})` : `was not ready within ${withinMs / 1000} s`;
      await this.kill();
      throw await this.failure(reason, logBegin);
    }
    void kept.ended.then((exit) => this.noticeEnd(exit, logBegin));
    return elapsed();
  }

  /** Asks it to end (SIGTERM) and waits; answers its exit code. Killed when it has not ended after a while. */
  async stop(withinMs = 20_000): Promise<number | null> {
    const kept = this.kept;
    if (!kept) return null;
    this.expectedToEnd = true;
    kept.signal('SIGTERM');
    const ended = await poll(() => kept.exit !== undefined, { withinMs, everyMs: 10 });
    if (!ended) {
      this.log(`${this.plan.name}: did not end within ${withinMs / 1000} s of SIGTERM, killed`);
      kept.signal('SIGKILL');
    }
    return (await kept.waitForEnd()).code;
  }

  /** SIGKILL, as in a crash. */
  async kill(): Promise<void> {
    const kept = this.kept;
    if (!kept) return;
    this.expectedToEnd = true;
    kept.signal('SIGKILL');
    await kept.waitForEnd();
  }

  lastLines(count?: number): Promise<string[]> {
    return lastLines(this.plan.command.logFile, count);
  }

  private async noticeEnd(exit: Exit, logBegin: number): Promise<void> {
    if (this.expectedToEnd || exit.dismissed) return;
    this.log((await this.failure(`has died (${describe(exit)})`, logBegin)).message);
  }

  private async failure(reason: string, logBegin: number): Promise<StackError> {
    const { name, ports, command } = this.plan;
    const lines = await lastLines(command.logFile, 15, logBegin);
    const taken = lines.some((line) => portTakenWords.test(line));
    const holders = taken ? await Promise.all(ports.map(describeHolder)) : [];
    const message = [
      `${name} ${reason}`,
      ...holders.flat(),
      `last lines of ${command.logFile}:`,
      ...lines.map((line) => `  ${line}`),
    ].join('\n');
    return taken ? new PortTaken(message) : new StackError(message);
  }
}

async function describeHolder(port: number): Promise<string[]> {
  const holder = await portHolder(port);
  return holder ? [`port ${port} is taken by ${holder}`] : [];
}

function describe({ code, signal }: Exit): string {
  return signal ? `killed by ${signal}` : `exit code ${code}`;
}
