// Puts together what an image of an app holds: node tools/build/assemble-app.mjs clinic-api /some/folder
// The bundle, and the packages that it imports in the very versions of the workspace's lock file. Nothing else of the workspace is needed.
import { execFileSync } from 'node:child_process';
import { cp, mkdir, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const root = join(import.meta.dirname, '../..');
const { positionals, values } = parseArgs({ allowPositionals: true, options: { help: { type: 'boolean' } } });
const [app, folder] = positionals;
const apps = await readdir(join(root, 'dist/apps')).catch(() => []);
if (values.help || !folder || !apps.includes(app)) {
  const fault = values.help ? '' : `first build the app; there are: ${apps.join(', ') || 'none'}\n`;
  process.stderr.write(`${fault}usage: node tools/build/assemble-app.mjs <app> <folder>\n`);
  process.exit(values.help ? 0 : 2);
}

const to = resolve(folder);
await mkdir(to, { recursive: true });
await cp(join(root, 'dist/apps', app), to, { recursive: true });
for (const file of ['package-lock.json', '.npmrc']) await cp(join(root, file), join(to, file));
// npm takes the versions from the lock file and leaves out what this package.json does not need.
const quietly = ['--no-audit', '--no-fund', '--loglevel=error', '--prefer-offline'];
execFileSync('npm', ['install', '--omit=dev', '--ignore-scripts', ...quietly], { cwd: to, stdio: 'inherit' });
