// Builds the lib in the current folder into dist/libs/<lib>: ES modules and declarations, with a package.json that can be published.
import { execFileSync } from 'node:child_process';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';

const root = join(import.meta.dirname, '../..');
const outdir = join(root, 'dist/libs', basename(process.cwd()));

execFileSync('tsc', ['--build', 'tsconfig.build.json'], { stdio: 'inherit' });

const manifest = JSON.parse(await readFile('package.json', 'utf8'));
const built = (source) => source.replace(/^\.\/src\//, './').replace(/\.ts$/, '.js');
manifest.exports = Object.fromEntries(
  Object.entries(manifest.exports).map(([entry, source]) => [
    entry,
    source.endsWith('.ts') ? { types: built(source).replace(/\.js$/, '.d.ts'), default: built(source) } : source,
  ]),
);
delete manifest.nx;
delete manifest.scripts;
await writeFile(join(outdir, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
if (existsSync('README.md')) await copyFile('README.md', join(outdir, 'README.md'));
await copyFile(join(root, 'LICENSE'), join(outdir, 'LICENSE'));
await writeFile(join(outdir, '.npmignore'), '.tsbuildinfo\n');
