import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

const REQUIREMENTS = join(import.meta.dirname, '../requirements.txt');
const OLDEST = [3, 11] as const;

/** A failure that the person at the terminal can act on. */
export class FuzzError extends Error {
  override name = 'FuzzError';
}

/** Where the pinned packages are, for `PYTHONPATH`. They are installed once for each version of Python, and touch no other. */
export async function installPackages(say: (line: string) => void): Promise<string> {
  const version = await pythonVersion();
  if (isTooOld(version)) throw new FuzzError(tooOld(version));
  const pins = createHash('sha256').update(await readFile(REQUIREMENTS));
  const folder = join(cacheFolder(), `schemathesis-${pins.digest('hex').slice(0, 8)}-python${version.join('.')}`);
  if (existsSync(join(folder, COMPLETE))) return folder;
  say(`Installing Schemathesis into ${folder} (a minute, the first time) ...`);
  // Filled aside, so that one that was interrupted is not taken for a whole one.
  const aside = `${folder}.${process.pid}`;
  await mkdir(cacheFolder(), { recursive: true });
  try {
    await installInto(aside);
    await writeFile(join(aside, COMPLETE), '');
    await rename(aside, folder).catch((error: unknown) => {
      if (!existsSync(join(folder, COMPLETE))) throw error; // otherwise another run was quicker
    });
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
  return folder;
}

/** Why Schemathesis cannot run on this machine; undefined when it can. */
export async function whyNot(): Promise<string | undefined> {
  const version = await pythonVersion();
  return isTooOld(version) ? tooOld(version) : undefined;
}

const COMPLETE = '.complete';
const isTooOld = ([major, minor]: Version) => major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
const tooOld = (version: Version) =>
  `Schemathesis needs Python ${OLDEST.join('.')} or newer; python3 is ${version.join('.')}`;

type Version = readonly [major: number, minor: number];

async function pythonVersion(): Promise<Version> {
  const { output } = await runToEnd('python3', ['-c', 'import sys; print("%d %d" % sys.version_info[:2])']);
  const [major = 0, minor = 0] = output.trim().split(' ').map(Number);
  return [major, minor];
}

/** Into a folder rather than an environment: that needs nothing of Python but pip. */
async function installInto(folder: string): Promise<void> {
  const what = ['--target', folder, '--require-hashes', '--only-binary=:all:', '--requirement', REQUIREMENTS];
  await runToEnd('python3', ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...what]);
}

function cacheFolder({ CAREGATE_CACHE } = process.env): string {
  return CAREGATE_CACHE ? resolve(CAREGATE_CACHE) : join(homedir(), '.cache', 'caregate');
}

async function runToEnd(command: string, args: readonly string[]): Promise<Ended> {
  const ended = await run(command, args);
  if (ended.code === 0) return ended;
  throw new FuzzError(`${[command, ...args].join(' ')} failed:\n${ended.output.split('\n').slice(-8).join('\n')}`);
}

export interface Ended {
  readonly code: number | null;
  /** What it said on both channels. */
  readonly output: string;
}

/** Runs a program to its end. */
export function run(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; signal?: AbortSignal } = {},
): Promise<Ended> {
  return new Promise((done, failed) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const channel of [child.stdout, child.stderr])
      channel.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.on('error', ({ name, message }) =>
      failed(new FuzzError(name === 'AbortError' ? 'interrupted' : `${command} cannot be run: ${message}`)),
    );
    child.on('close', (code) => done({ code, output }));
  });
}
