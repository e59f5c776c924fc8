// Bundles the app in the current folder into dist/apps/<app>/app.js: our own sources inside, packages of others left to node_modules.
// main.js beside it is what is run: it looks whether this Node.js will do, and knows the version. package.json names the packages that the
// app imports, in the versions of the workspace: what an image holds (assemble-app.mjs).
// esbuild cannot emit the decorator metadata that Nest's injection reads, so each source goes through swc first.
import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { transform } from '@swc/core';
import { build } from 'esbuild';

const swcWithMetadata = {
  name: 'swc-with-metadata',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, 'utf8'), {
        filename: path,
        sourceMaps: 'inline',
        jsc: {
          target: 'es2023',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
          keepClassNames: true,
        },
        module: { type: 'es6' },
      });
      return { contents: code, loader: 'js' };
    });
  },
};

const imported = new Set();

/** `@scope/name` of `@scope/name/part`, `name` of `name/part`. */
const packageOf = (path) =>
  path
    .split('/')
    .slice(0, path.startsWith('@') ? 2 : 1)
    .join('/');

const packagesOfOthersStayOutside = {
  name: 'packages-of-others-stay-outside',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/app\.js$/ }, ({ path }) => ({ path, external: true }));
    onResolve({ filter: /^[^./]/ }, ({ path }) => {
      if (path.startsWith('@caregate/')) return undefined;
      if (!path.startsWith('node:')) imported.add(packageOf(path));
      return { path, external: true };
    });
  },
};

const root = join(import.meta.dirname, '../..');
const app = basename(process.cwd());
const { engines, version, license, dependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
const oldestNode = engines.node.replace('>=', '');
const outdir = join(root, 'dist/apps', app);
await build({
  entryPoints: { main: join(import.meta.dirname, 'start-app.mjs'), app: 'src/main.ts' },
  outdir,
  bundle: true,
  platform: 'node',
  target: `node${oldestNode}`,
  define: { APP: JSON.stringify(app), VERSION: JSON.stringify(version), OLDEST_NODE: JSON.stringify(oldestNode) },
  format: 'esm',
  sourcemap: 'linked',
  keepNames: true,
  loader: { '.json': 'json', '.hbs': 'text', '.html': 'text', '.css': 'text' },
  plugins: [packagesOfOthersStayOutside, swcWithMetadata],
  logLevel: 'warning',
});

// Some packages are found by their place and not imported, such as the files of the page at /docs.
const code = await readFile(join(outdir, 'app.js'), 'utf8');
for (const [, path] of code.matchAll(/\.resolve\("([^"./][^"]*)"\)/g)) imported.add(packageOf(path));
const needed = [...imported].sort();
const unknown = needed.filter((name) => dependencies[name] === undefined);
if (unknown.length > 0) throw new Error(`package.json has no dependencies ${unknown.join(', ')}, which ${app} imports`);
const manifest = {
  name: `@caregate/${app}`,
  ...{ version, license, private: true, type: 'module', engines },
  dependencies: Object.fromEntries(needed.map((name) => [name, dependencies[name]])),
};
await writeFile(join(outdir, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
