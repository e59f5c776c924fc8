import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { StackError } from '../errors.ts';
import { silent, type Log } from '../log.ts';
import { workspace } from '../places.ts';
import { baseEnvironment } from '../process/base-environment.ts';
import type { DaemonPlan } from '../process/daemon.ts';
import { answersOk } from '../process/probe.ts';
import { freePort, host } from '../process/ports.ts';
import { startDaemon, startOnFreePorts } from '../process/start-on-free-ports.ts';
import { createRunFolder } from '../run-folder.ts';

export interface StartAppOptions {
  /** A folder of dist/apps, e.g. "clinic-api". */
  name: string;
  /** Names the log file and is shown, e.g. "clinic-api-au1". The app's name when not given. */
  label?: string;
  /** The app's settings. A free PORT is chosen when there is none; HOST is 127.0.0.1. */
  env: Record<string, string>;
  log?: Log;
  /** Folder of the built apps; dist/apps of this workspace when not given. */
  dist?: string;
  /** Where the log file goes; a run folder of this program when not given. */
  logs?: string;
  /** How long it may take until /ready answers 200. */
  withinMs?: number;
}

/** A running app. */
export interface App {
  readonly name: string;
  readonly label: string;
  /** http://HOST:PORT */
  readonly url: string;
  readonly port: number;
  readonly pid: number | undefined;
  readonly running: boolean;
  readonly logFile: string;
  /** Its settings, as it was started with. */
  readonly env: Readonly<Record<string, string>>;
  /** SIGTERM; resolves to the exit code when it has ended. */
  stop(): Promise<number | null>;
  /** SIGKILL; resolves when it has ended. */
  kill(): Promise<void>;
  /** Starts it again, with the same settings and port, and waits until it is ready. */
  start(): Promise<void>;
  lastLines(count?: number): Promise<string[]>;
}

/** As in the Dockerfile: one arena of malloc, whose free pages go back, in place of one for each thread. */
const smallMemory = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_TRIM_THRESHOLD_: '131072',
} as const;

/** Runs dist/apps/<name>/main.js and waits until it is ready. */
export async function startApp(options: StartAppOptions): Promise<App> {
  const { name, label = name, env, log = silent, withinMs = 180_000 } = options;
  const program = builtProgram(name, options.dist);
  const logFile = join(options.logs ?? (await logsOfThisProgram()), `${label}.log`);

  const planOn = (port: number): DaemonPlan => {
    const settings = settingsOn(port, env);
    return {
      name: label,
      ports: [port],
      command: {
        command: process.execPath,
        args: [program],
        cwd: workspace,
        env: { ...baseEnvironment(), ...smallMemory, ...settings },
        logFile,
      },
      isReady: () => answersOk(`${urlOf(settings)}/ready`),
      withinMs,
    };
  };
  const { daemon, took } = env.PORT
    ? await startDaemon(planOn(Number(env.PORT)), log)
    : await startOnFreePorts(async () => planOn(await freePort()), log);
  const port = daemon.plan.ports[0] as number;
  const settings = settingsOn(port, env);
  log(`${label} is ready on ${urlOf(settings)} after ${took}`);
  return {
    name,
    label,
    url: urlOf(settings),
    port,
    env: settings,
    logFile,
    get pid() {
      return daemon.pid;
    },
    get running() {
      return daemon.running;
    },
    stop: () => daemon.stop(),
    kill: () => daemon.kill(),
    start: async () => void (await daemon.start()),
    lastLines: (count) => daemon.lastLines(count),
  };
}

/** The app's program; says what to do when it is not built. */
export function builtProgram(name: string, dist = join(workspace, 'dist', 'apps')): string {
  const program = join(dist, name, 'main.js');
  if (!existsSync(program)) throw new StackError(`${name} is not built: ${program} is missing; run make build`);
  return program;
}

function settingsOn(port: number, env: Record<string, string>) {
  return { HOST: host, ...env, PORT: String(port) };
}

function urlOf({ HOST, PORT }: { HOST: string; PORT: string }): string {
  // An app that listens everywhere is reached on the loopback address.
  return `http://${HOST === '0.0.0.0' || HOST === '::' ? host : HOST}:${PORT}`;
}

let ownLogs: Promise<string> | undefined;
/** For apps that are started without servers: one folder for all of this program. */
async function logsOfThisProgram(): Promise<string> {
  ownLogs ??= createRunFolder().then(async (run) => {
    await run.clear(); // there is no data, only logs
    return run.logs;
  });
  const logs = await ownLogs;
  await mkdir(logs, { recursive: true, mode: 0o700 }); // logs of old runs are removed, and this program may run for long
  return logs;
}
