import { copyFile, mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A folder like dist/apps, whose apps are all the same stub. The caller removes it. */
export async function stubDist(
  apps = ['clinic-api', 'clinic-worker', 'gatekeeper-sync', 'directory'],
): Promise<string> {
  const dist = await mkdtemp(join(tmpdir(), 'caregate-dist-'));
  await fillDist(dist, apps);
  return dist;
}

export async function fillDist(dist: string, apps: string[]): Promise<void> {
  for (const app of apps) {
    await mkdir(join(dist, app), { recursive: true });
    await copyFile(fileURLToPath(new URL('stub-app.mjs', import.meta.url)), join(dist, app, 'main.js'));
  }
}
