import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { stackPackage } from '../places.ts';

/** SHA-256 by file name. */
export type Checksums = Record<string, string>;

export interface PinnedChecksums {
  mongod: Checksums;
  kafka: Checksums;
  oldestNode: Checksums;
}

export function pinnedChecksums(): PinnedChecksums {
  return JSON.parse(readFileSync(join(stackPackage, 'checksums.json'), 'utf8')) as PinnedChecksums;
}

export async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/** Names the files that are missing, damaged or not expected; empty when all is as pinned. */
export async function differences(folder: string, expected: Checksums): Promise<string[]> {
  const present = new Set(await readdir(folder).catch(() => []));
  const found: string[] = [];
  for (const [file, sum] of Object.entries(expected)) {
    if (!present.delete(file)) found.push(`${file} is missing`);
    else if ((await sha256(join(folder, file))) !== sum) found.push(`${file} is damaged (checksum differs)`);
  }
  return [...found, ...[...present].map((file) => `${file} is not expected`)];
}
