// What the apps and their tools are made of, by licence: `npm sbom` tells, from package-lock.json and node_modules. Fails when a licence is not
// among those below. Tools are in it, as `npm sbom --omit dev` leaves out packages that apps need too (seen with npm 11.19).
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** Licences (SPDX) that ask for no more than to be named. */
export const ALLOWED = new Set([
  ...[
    '0BSD',
    'Apache-2.0',
    'BlueOak-1.0.0',
    'BSD-2-Clause',
    'BSD-3-Clause',
    'CC-BY-4.0',
    'CC0-1.0',
    'ISC',
    'MIT',
    'MIT-0',
  ],
  ...['Python-2.0', 'Unicode-3.0', 'Unlicense', 'Zlib'],
]);

/** Whether an SPDX expression leaves a choice that is allowed; a licence that is named in any other way is not. */
export function isAllowed(expression) {
  const plain = expression.replace(/[()]/g, ' ');
  return plain.split(/\sOR\s/).some((choice) => choice.split(/\sAND\s/).every((each) => ALLOWED.has(each.trim())));
}

/** Of each component of a CycloneDX document its name, version and licence. */
export function licencesIn({ components }) {
  return components.map(({ name, group, version, licenses = [] }) => ({
    name: group ? `${group}/${name}` : name,
    version,
    licence:
      licenses.map(({ expression, license }) => expression ?? license?.id ?? license?.name).join(' AND ') || 'none',
  }));
}

function main() {
  const sbom = execFileSync('npm', ['sbom', '--sbom-format', 'cyclonedx'], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const found = licencesIn(JSON.parse(sbom));
  for (const licence of [...new Set(found.map((each) => each.licence))].sort()) {
    const names = found.filter((each) => each.licence === licence).map(({ name, version }) => `${name}@${version}`);
    console.log(`${licence} (${names.length})\n  ${names.sort().join(', ')}`);
  }
  const names = new Set(found.map(({ name }) => name));
  const missing = Object.keys(JSON.parse(readFileSync('package.json', 'utf8')).dependencies).filter(
    (each) => !names.has(each),
  );
  if (missing.length > 0) throw new Error(`npm sbom leaves out ${missing.join(', ')}`);
  const refused = found.filter(({ licence }) => !isAllowed(licence));
  for (const { name, version, licence } of refused)
    console.error(
      `${name}@${version} has the licence ${licence}, which is not among those that tools/build/licences.mjs allows`,
    );
  console.log(`${found.length} packages, ${refused.length} with a licence that is not allowed`);
  process.exitCode = refused.length > 0 || found.length === 0 ? 1 : 0;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main();
