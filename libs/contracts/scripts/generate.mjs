// From openapi/ it makes, for each contract, the bundle, checked by swagger-cli (generated/, for tools of any language),
// and that bundle and its types as modules (src/generated/).
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import swagger from '@apidevtools/swagger-cli';
import openapiTypescript, { astToString } from 'openapi-typescript';

const root = join(import.meta.dirname, '..');
const source = join(root, 'openapi');
const folders = await readdir(source, { withFileTypes: true });
const names = folders.filter((entry) => entry.isDirectory() && entry.name !== 'shared').map((entry) => entry.name);

try {
  const made = [];
  for (const name of names) made.push(...(await generate(name)));
  await removeAllBut(made);
} catch (error) {
  process.stderr.write(`contract ${error.message}\n`);
  process.exit(1);
}

async function generate(name) {
  try {
    const entry = join(source, name, 'openapi.yaml');
    const bundle = JSON.parse(await swagger.bundle(entry, { type: 'json' }));
    checkReferences(bundle);
    await swagger.validate(entry, { schema: true, spec: true });
    return [
      await put(`generated/${name}.json`, `${JSON.stringify(bundle, null, 2)}\n`),
      await put(`src/generated/${name}.document.ts`, asModule(bundle)),
      await put(`src/generated/${name}.ts`, await typesOf(bundle)),
    ];
  } catch (error) {
    throw new Error(`${name}: ${gist(error.message)}`, { cause: error });
  }
}

// One fault in a schema is reported at every place that uses it, with every alternative that it is not. The first few will do.
function gist(message) {
  const lines = message.split('\n').filter((line) => !/'\$ref'|exactly one schema|must be boolean/.test(line));
  return lines.slice(0, 10).join('\n');
}

// What two places share must have a name in openapi.yaml, or the bundle would refer into the middle of another operation.
function checkReferences(bundle) {
  const unnamed = new Set();
  JSON.stringify(bundle, (key, value) => {
    if (key === '$ref' && !value.startsWith('#/components/')) unnamed.add(value);
    return value;
  });
  if (unnamed.size > 0) throw new Error(`name these under components in openapi.yaml: ${[...unnamed].join(', ')}`);
}

// A module rather than an import of JSON: every tool that compiles the workspace understands it, and the compiler need not type it.
function asModule(bundle) {
  return `export default JSON.parse(${JSON.stringify(JSON.stringify(bundle))}) as unknown;\n`;
}

async function typesOf(bundle) {
  const options = { readWriteMarkers: true, alphabetize: false, defaultNonNullable: false };
  return astToString(await openapiTypescript(bundle, options));
}

// Each file appears whole or not at all: something may be compiling against the old one right now.
async function put(path, text) {
  const file = join(root, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.${process.pid}`, text);
  await rename(`${file}.${process.pid}`, file);
  return file;
}

async function removeAllBut(made) {
  for (const folder of ['generated', 'src/generated'].map((path) => join(root, path))) {
    const leftOver = (await readdir(folder)).map((name) => join(folder, name)).filter((file) => !made.includes(file));
    for (const file of leftOver) await rm(file, { force: true });
  }
}
