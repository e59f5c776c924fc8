import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { StackError } from '../errors.ts';
import { cacheFolder } from '../places.ts';
import { runTool } from '../process/run-tool.ts';
import { oldestNode } from '../versions.ts';
import type { Artifact } from './artifact.ts';
import { differences, pinnedChecksums, sha256 } from './checksums.ts';

/** The oldest Node.js that Caregate runs on, so that it is tested on that one, too. */
export function oldestNodeArtifact(cache = cacheFolder()): Artifact {
  const pinned = pinnedChecksums().oldestNode;
  return {
    title: `Node.js ${oldestNode.version}`,
    effort: 'downloading 50 MB from npm',
    folder: join(cache, `node-${oldestNode.version}`),
    attempts: 3,
    async fetch(into) {
      const work = join(into, 'work');
      await mkdir(work);
      await downloadNode(work);
      const archive = join(work, oldestNode.file);
      if ((await sha256(archive)) !== pinned[oldestNode.file]) {
        throw new StackError(`${oldestNode.file} is damaged (checksum differs)`);
      }
      await unpackNode(work);
      await mkdir(join(into, 'bin'));
      await rename(join(work, oldestNode.nodeInside), join(into, 'bin', 'node'));
      await rm(work, { recursive: true });
    },
    faults: (folder) => differences(join(folder, 'bin'), { node: pinned.node as string }),
  };
}

/** npm checks what it has cached by itself. */
export const downloadNode = (into: string): Promise<void> =>
  runTool('npm', ['pack', '--silent', oldestNode.spec], into);

/** The program of the archive that lies in the folder. */
export const unpackNode = (inFolder: string): Promise<void> =>
  runTool('tar', ['-xzf', oldestNode.file, oldestNode.nodeInside], inFolder);
