import { readKeyFile } from './key-file.ts';

test('CSV names its columns, in any order, and quotes what it must', () => {
  expect(readKeyFile('\ufeffName, KEY ,more\r\nLab,one,\r\n\r\n"The ""big"" lab, again",two\n,three', 'csv')).toEqual({
    keys: [
      { line: 2, key: 'one', name: 'Lab' },
      { line: 4, key: 'two', name: 'The "big" lab, again' },
      { line: 5, key: 'three', name: '' },
    ],
    bad: [],
  });
  expect(readKeyFile('key\none\n', 'csv')).toEqual({ keys: [{ line: 2, key: 'one' }], bad: [] });
});

test('a line of CSV that cannot be read is named, and the others are taken', () => {
  const { keys, bad } = readKeyFile('key,name\none,Lab\ntwo"x,Phone\nthree,Desk\n', 'csv');
  expect(keys.map(({ line, key }) => [line, key])).toEqual([
    [2, 'one'],
    [4, 'three'],
  ]);
  expect(bad).toEqual([{ line: 3, reason: expect.stringMatching(/not CSV/) }]);
});

test('JSON is a list, and each entry has its line', () => {
  const text = '[\n  {"key": "one", "name": "Lab"},\n  {"key": "two"},\n  "three",\n  {"name": "x"},\n  {"key": 7}\n]';
  expect(readKeyFile(text, 'json')).toEqual({
    keys: [
      { line: 2, key: 'one', name: 'Lab' },
      { line: 3, key: 'two' },
    ],
    bad: [4, 5, 6].map((line) => ({ line, reason: expect.stringMatching(/it is not \{"key"/) })),
  });
});

test.each([
  ['csv', 'plantedSecret\nplantedSecret2\n', /first line of the file must name its columns/],
  ['csv', '', /first line/],
  ['json', '[{"key": "plantedSecret"', /the file is not JSON/],
  ['json', '{"key": "plantedSecret"}', /must be a list/],
  ['json', '[{"key": "plantedSecret" "name"}]', /the file is not JSON: look at line 1/],
] as const)('%s that cannot be read at all is refused, and no key is told', (format, text, message) => {
  expect(() => readKeyFile(text, format)).toThrow(message);
  expect(() => readKeyFile(text, format)).not.toThrow(/planted/);
});
