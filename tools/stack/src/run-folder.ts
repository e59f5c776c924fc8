import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stateFolder } from './places.ts';
import { forgetFolder, removeAtEnd } from './process/keeper.ts';

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
  await makePrivate(stateFolder);
  await mkdir(runs, { recursive: true, mode: 0o700 });
  await removeOldRuns(runs);
  const id = `${new Date().toISOString().replace(/[-:]|\.\d+/g, '')}-${randomBytes(3).toString('hex')}`;
  const folder = join(runs, id);
  // Made aside: another program that cleans up must never see it without its owner.
  const draft = join(runs, `.${id}`);
  await mkdir(join(draft, 'data'), { recursive: true, mode: 0o700 });
  await mkdir(join(draft, 'logs'), { mode: 0o700 });
  await writeFile(join(draft, 'owner'), String(process.pid), { mode: 0o600 });
  const data = join(folder, 'data');
  removeAtEnd(data);
  await rename(draft, folder);
  return {
    id,
    data,
    logs: join(folder, 'logs'),
    async clear() {
      await rm(data, { recursive: true, force: true, maxRetries: 3 });
      forgetFolder(data);
    },
  };
}

/** What servers and apps keep and log there, secrets too, is for nobody else who uses the machine; a folder of before gets it late. */
export async function makePrivate(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
}

async function removeOldRuns(runs: string): Promise<void> {
  // The name begins with the time, so the order of names is the order of runs.
  const names = (await readdir(runs)).filter((name) => !name.startsWith('.')).sort();
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
