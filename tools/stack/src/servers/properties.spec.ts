import { properties } from './properties.ts';

test('writes one entry a line', () => {
  expect(properties({ 'node.id': 1, 'log.dirs': '/a b', path: 'C:\\x' })).toBe(
    'node.id=1\nlog.dirs=/a b\npath=C:\\\\x\n',
  );
});
