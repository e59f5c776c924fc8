import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sentencesOf, testNamesIn } from './source-sentences.ts';

const source = join(import.meta.dirname, '../../../../shared/sources/000_4c86e4d86e84806e.txt');
const tests = join(import.meta.dirname, 'source-shards.e2e.spec.ts');

test('sentences are told apart, and headings and code are none', () => {
  const text = `Sharding

One is here. Two is there, eg a.b.com. As told. eg

KEY-au1

Why is Cliniko sharded?

  1. Some must
  2. Some may

For example:

  • This one
  • That: b64(x + ':') and more

Using an API key

function f() {
  // A comment. It is code.
}`;
  expect(sentencesOf(text)).toEqual([
    'One is here.',
    'Two is there, eg a.b.com.',
    'As told.',
    'KEY-au1',
    'Some must',
    'Some may',
    'For example:',
    'This one',
    "That: b64(x + ':') and more",
  ]);
});

test('names of tests are read as they are shown', () => {
  expect(
    testNamesIn(`test('a', () => {}); describe("it's b", () => { test.each([[1]])(\`c\`, f); }); test('d\\'s', f)`),
  ).toEqual(['a', "it's b", 'c', "d's"]);
});

if (existsSync(source)) {
  const names = testNamesIn(readFileSync(tests, 'utf8'));
  const sentences = sentencesOf(readFileSync(source, 'utf8'));

  test('the source has sentences', () => expect(sentences.length).toBeGreaterThan(30));

  test.each(sentences)('the source says, and a test is named after it: %s', (sentence) => {
    expect(names).toContain(sentence);
  });
} else {
  test.skip(`(the source document is not here, so whether each of its sentences has a test is not looked at: ${source})`, () =>
    undefined);
}
