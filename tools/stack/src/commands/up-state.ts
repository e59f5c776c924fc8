import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stateFolder } from '../places.ts';
import { makePrivate } from '../run-folder.ts';

/** What `up` has started, for the other commands; kept after `down`, so that the logs can still be read. */
export interface UpState {
  pid: number;
  phase: 'starting' | 'running' | 'stopping' | 'stopped';
  /** What to show, e.g. ["directory", "http://127.0.0.1:3000"]. */
  addresses: [string, string][];
  /** Folder of the log files. */
  logs: string;
}

/** A server or an app, and whether it is alive. */
export interface UpProcess {
  name: string;
  pid: number | undefined;
  external: boolean;
}

export const upLog = join(stateFolder, 'up.log');
const stateFile = join(stateFolder, 'up.json');

export async function writeUpState(state: UpState): Promise<void> {
  await makePrivate(stateFolder);
  const draft = `${stateFile}.${process.pid}`;
  await writeFile(draft, JSON.stringify(state, undefined, 2), { mode: 0o600 });
  await rename(draft, stateFile);
}

export async function readUpState(): Promise<UpState | undefined> {
  const text = await readFile(stateFile, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as UpState);
}
