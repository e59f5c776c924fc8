import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { testNamesIn } from './source-sentences.ts';

const workspace = join(import.meta.dirname, '../../..');
const page = readFileSync(join(workspace, 'docs/security.md'), 'utf8');

const RISKS = Array.from({ length: 10 }, (_, index) => `API${index + 1}`);

/** The rows of a section's table, without its head. */
function rowsUnder(heading: string): string[][] {
  const [, section = ''] = page.split(`\n## ${heading}\n`);
  const [own = ''] = section.split('\n## ');
  return own
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

const risks = rowsUnder('OWASP API Security Top 10 (2023)');
const tests = rowsUnder('Tests');

test('each risk has a row that says what could happen here and what counters it', () => {
  expect(risks.map(([risk = '']) => risk.split(' ')[0])).toEqual(RISKS);
  expect(risks.filter((row) => row.length !== 3 || row.includes(''))).toEqual([]);
});

test('each risk has tests', () => {
  const tested = new Set(tests.map(([risk]) => risk));
  expect([...tested].toSorted()).toEqual(RISKS.toSorted());
});

test.each(tests)('%s is tested in %s: %s', (_risk, file = '', title) => {
  const names = testNamesIn(readFileSync(join(workspace, file.replaceAll('`', '')), 'utf8'));
  expect(names).toContain(title);
});

test('each file that is said to counter something is there', () => {
  const files = [...page.matchAll(/`((?:apps|libs|docs|tools)\/[^`]+)`/g)].map(([, file = '']) => file);
  expect(files.length).toBeGreaterThan(50);
  expect(files.filter((file) => !existsSync(join(workspace, file)))).toEqual([]);
});
