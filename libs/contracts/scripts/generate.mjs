// From openapi/ it makes, for each contract, the bundle, checked by swagger-cli (generated/, for tools of any language),
// and that bundle and its types as modules (src/generated/).
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import swagger from '@apidevtools/swagger-cli';
import openapiTypescript, { astToString } from 'openapi-typescript';

const root = join(import.meta.dirname, '..');
const source = join(root, 'openapi');
const documents = join(root, 'generated');
const modules = join(root, 'src/generated');

const folders = await readdir(source, { withFileTypes: true });
const names = folders.filter((entry) => entry.isDirectory() && entry.name !== 'shared').map((entry) => entry.name);

for (const folder of [documents, modules]) {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
}
try {
  for (const name of names) await generate(name);
} catch (error) {
  process.stderr.write(`contract ${error.message}\n`);
  process.exit(1);
}

async function generate(name) {
  const file = join(documents, `${name}.json`);
  const text = await swagger.bundle(join(source, name, 'openapi.yaml'), { type: 'json', outfile: file });
  const bundle = JSON.parse(text);
  try {
    checkReferences(bundle);
    await swagger.validate(file, { schema: true, spec: true });
  } catch (error) {
    throw new Error(`${name}: ${error.message}`, { cause: error });
  }
  await writeFile(join(modules, `${name}.document.ts`), asModule(bundle));
  await writeFile(join(modules, `${name}.ts`), await typesOf(bundle));
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
