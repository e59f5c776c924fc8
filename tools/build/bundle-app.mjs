// Bundles the app in the current folder into dist/apps/<app>/app.js: our own sources inside, packages of others left to node_modules.
// main.js beside it is what is run: it looks whether this Node.js will do, and knows the version.
// esbuild cannot emit the decorator metadata that Nest's injection reads, so each source goes through swc first.
import { readFile } from 'node:fs/promises';
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

const packagesOfOthersStayOutside = {
  name: 'packages-of-others-stay-outside',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/app\.js$/ }, ({ path }) => ({ path, external: true }));
    onResolve({ filter: /^[^./]/ }, ({ path }) =>
      path.startsWith('@caregate/') ? undefined : { path, external: true },
    );
  },
};

const root = join(import.meta.dirname, '../..');
const app = basename(process.cwd());
const { engines, version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
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
