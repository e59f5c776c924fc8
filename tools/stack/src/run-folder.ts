import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stateFolder } from './places.ts';
import { removeAtEnd } from './process/keeper.ts';

const logsKept = 10;

/** Where one run of the stack keeps its data, which goes with it, and its logs, which stay for a while. */
export interface RunFolder {
  id: string;
  data: string;
  logs: string;
  /** Removes the data. */
  clear(): Promise<void>;
}

export async function createRunFolder(): Promise<RunFolder> {
  const runs = join(stateFolder, 'runs');
  await mkdir(runs, { recursive: true });
  await removeOldRuns(runs);
  const id = `${new Date().toISOString().replace(/[-:]|\.\d+/g, '')}-${randomBytes(3).toString('hex')}`;
  const data = join(runs, id, 'data');
  const logs = join(runs, id, 'logs');
  await mkdir(data, { recursive: true });
  await mkdir(logs);
  await writeFile(join(runs, id, 'owner'), String(process.pid));
  removeAtEnd(data);
  return { id, data, logs, clear: () => rm(data, { recursive: true, force: true, maxRetries: 3 }) };
}

async function removeOldRuns(runs: string): Promise<void> {
  // The name begins with the time, so the order of names is the order of runs.
  const names = (await readdir(runs)).sort();
  const ended = await Promise.all(names.map(async (name) => ((await isInUse(join(runs, name))) ? [] : [name])));
  for (const name of ended.flat().slice(0, -logsKept)) await rm(join(runs, name), { recursive: true, force: true });
  // Data of a run that has ended is of no use; it is left only when keeper and program were killed together.
  for (const name of ended.flat().slice(-logsKept))
    await rm(join(runs, name, 'data'), { recursive: true, force: true });
}

async function isInUse(run: string): Promise<boolean> {
  try {
    await stat(join(run, 'data'));
    process.kill(Number(await readFile(join(run, 'owner'), 'utf8')), 0);
    return true;
  } catch {
    return false;
  }
}
