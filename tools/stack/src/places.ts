import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Root of the checkout. */
export const workspace = fileURLToPath(new URL('../../../', import.meta.url)).replace(/\/$/, '');

/** Root of this package. */
export const stackPackage = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

/** What a checkout keeps between commands; ignored by git. */
export const stateFolder = join(workspace, '.stack');

/** Downloads, shared by all checkouts of a user. Read at each call, so that a test can point it elsewhere. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  return env.CAREGATE_CACHE ? resolve(env.CAREGATE_CACHE) : join(homedir(), '.cache', 'caregate');
}
