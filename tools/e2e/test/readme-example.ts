import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const libs = join(import.meta.dirname, '../../../libs');

type Called = (...args: unknown[]) => Promise<unknown>;

/**
 * The function of an example in a lib's README, as it stands there.
 * @param given what its surroundings are: the lib that it imports under `lib`, and whatever else it names
 */
export function readmeExample(lib: string, name: string, given: Record<string, unknown>): Called {
  const readme = readFileSync(join(libs, lib, 'README.md'), 'utf8');
  const examples = [...readme.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code = '']) => code);
  const code = examples.find((example) => example.includes(`function ${name}(`));
  const imported = /^import (\{ .* \}) from '@caregate\/\w+';$/m.exec(code ?? '');
  if (!code || !imported) throw new Error(`the README of ${lib} has no example ${name}`);
  const body = code.replace(imported[0], `const ${imported[1]} = lib;`).replace('export async', 'async');
  // The example is text of our own README; to run it is the point.
  return new Function(...Object.keys(given), `${body}; return ${name};`)(...Object.values(given));
}
