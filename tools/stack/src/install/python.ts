import { StackError, messageOf } from '../errors.ts';
import { runTool } from '../process/run-tool.ts';

/** Downloads one wheel from the package index into the folder, without what it depends on. */
export async function downloadWheel(requirement: string, into: string, trustCache: boolean): Promise<void> {
  const args = [
    'download',
    '--quiet',
    '--disable-pip-version-check',
    '--no-deps',
    '--only-binary=:all:',
    '--dest',
    into,
  ];
  if (!trustCache) args.push('--no-cache-dir');
  const ways: [string, string[]][] = [
    ['python3', ['-m', 'pip']],
    ['pip3', []],
    ['pip', []],
  ];
  const problems: string[] = [];
  for (const [command, before] of ways) {
    try {
      return await runTool(command, [...before, ...args, requirement], into);
    } catch (error) {
      problems.push(messageOf(error));
      // Only a missing pip is a reason to look for another one.
      if (!/cannot be run|No module named pip|No such file or directory/.test(messageOf(error))) break;
    }
  }
  throw new StackError(problems.at(-1) as string);
}

export function unzip(archive: string, into: string): Promise<void> {
  return runTool('python3', ['-m', 'zipfile', '-e', archive, into], into);
}

/** Packs a folder of `inFolder`; a .jar is a zip. */
export function zip(archive: string, folder: string, inFolder: string): Promise<void> {
  return runTool('python3', ['-m', 'zipfile', '-c', archive, folder], inFolder);
}
