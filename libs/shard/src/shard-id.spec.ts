import fc from 'fast-check';
import { InvalidShardId, isShardId, parseShardId } from './shard-id.ts';

test('two letters and one or two digits are a shard id', () => {
  for (const id of ['au1', 'uk12', 'ca0']) expect(isShardId(id)).toBe(true);
  for (const text of ['AU1', 'a1', 'au', 'au123', '1au', 'au1 ', 'au1\n', 'аu1', 'au１', '__1', ''])
    expect(isShardId(text)).toBe(false);
});

test('a shard id may be typed in any case with spaces around', () => {
  expect(parseShardId(' AU1\n')).toBe('au1');
});

test('a shard that is not known is named', () => {
  expect(() => parseShardId('nz1', ['au1', 'uk1'])).toThrow(new InvalidShardId('there is no shard nz1'));
  expect(parseShardId('uk1', new Set(['au1', 'uk1']))).toBe('uk1');
});

test('whatever is read as a shard id is one', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      try {
        expect(isShardId(parseShardId(text))).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidShardId);
      }
    }),
  );
});
