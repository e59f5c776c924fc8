import type { Server } from 'node:net';
import { builtProgram } from '../apps/app.ts';
import { shardAppNames, startShards, type AppName, type Platform } from '../apps/platform.ts';
import { messageOf } from '../errors.ts';
import { endAllKept } from '../process/keeper.ts';
import { startServers, type Servers } from '../servers/start-servers.ts';
import type { CliCommand } from './command.ts';
import { listen, type Answer } from './control-socket.ts';
import { writeUpState, type UpState } from './up-state.ts';

/** What `up` is told by the program that it leaves in the background. */
export type Progress =
  | { type: 'line'; line: string }
  | { type: 'running'; addresses: [string, string][] }
  | { type: 'failed'; reason: string }
  | { type: 'other' };

const shards = ['au1', 'uk1'];

/** Not for people: started by `up`, holds the servers and apps until it is told to stop. */
export const backgroundCommand: CliCommand = {
  name: 'background',
  summary: '',
  help: 'Started by stack up.',
  async run() {
    const background = new Background();
    return background.run();
  },
};

class Background {
  private state: UpState = { pid: process.pid, phase: 'starting', addresses: [], logs: '' };
  private servers: Servers | undefined;
  private platform: Platform | undefined;
  private control: Server | undefined;
  private stopped: Promise<void> | undefined;

  async run(): Promise<number> {
    this.control = await listen((request) => this.answer(request));
    if (!this.control) {
      tell({ type: 'other' });
      return 0;
    }
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void this.leave());
    // Whoever has called `up` has left before it was done, so nobody waits for it.
    process.on('disconnect', () => this.state.phase === 'starting' && void this.leave());
    try {
      await this.start();
    } catch (error) {
      // While stopping, the start fails because of that.
      if (!this.stopped) {
        tell({ type: 'failed', reason: messageOf(error) });
        await this.leave(1);
      }
    }
    return new Promise(() => {}); // `leave` ends this program
  }

  private async start(): Promise<void> {
    for (const app of [...shardAppNames, 'directory']) builtProgram(app);
    const log = (line: string) => {
      process.stdout.write(`${line}\n`);
      tell({ type: 'line', line });
    };
    this.servers = await startServers({ log, wellKnownPorts: true });
    this.state = { ...this.state, logs: this.servers.run.logs };
    await writeUpState(this.state);
    this.platform = await startShards(this.servers, { shards, log, ports: usualPort });
    this.state = { ...this.state, phase: 'running', addresses: addressesOf(this.servers, this.platform) };
    await writeUpState(this.state);
    tell({ type: 'running', addresses: this.state.addresses });
  }

  private async answer(request: 'status' | 'stop'): Promise<Answer> {
    if (request === 'stop') {
      await this.stop();
      // After the answer has been sent.
      setImmediate(() => process.exit(0));
    }
    return { ...this.state, processes: this.processes() };
  }

  private processes(): Answer['processes'] {
    const servers = this.servers?.all ?? [];
    const apps = this.platform?.apps ?? [];
    return [
      ...servers.map(({ name, pid, external }) => ({ name, pid, external })),
      ...apps.map(({ label, pid }) => ({ name: label, pid, external: false })),
    ];
  }

  private async leave(exitCode = 0): Promise<void> {
    await this.stop();
    process.exit(exitCode);
  }

  private stop(): Promise<void> {
    this.stopped ??= this.endAll();
    return this.stopped;
  }

  private async endAll(): Promise<void> {
    const interrupted = this.state.phase === 'starting';
    this.state = { ...this.state, phase: 'stopping' };
    if (!interrupted) {
      await this.platform?.stop();
      await this.servers?.stop();
    }
    await endAllKept();
    this.control?.close(); // takes no more requests, and removes the socket
    this.state = { ...this.state, phase: 'stopped' };
    if (this.state.logs) await writeUpState(this.state);
  }
}

function tell(progress: Progress): void {
  if (process.connected) process.send?.(progress, () => {});
}

/** Ports that one can remember; others are taken when these are not free. */
function usualPort(app: AppName, shard: string | undefined): number {
  const base: Record<AppName, number> = {
    directory: 3000,
    'clinic-api': 3001,
    'clinic-worker': 3101,
    'gatekeeper-sync': 3201,
  };
  return base[app] + (shard === undefined ? 0 : shards.indexOf(shard));
}

function addressesOf(servers: Servers, platform: Platform): [string, string][] {
  return [
    ...platform.apps.map(({ label, url }): [string, string] => [label, url]).sort(([a], [b]) => a.localeCompare(b)),
    ...Object.entries(servers.env),
    ['OPERATOR_TOKEN', platform.operatorToken],
    ['logs', servers.run.logs],
  ];
}
