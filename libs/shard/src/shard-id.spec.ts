import { isShardId } from './shard-id.ts';

test('two letters and one or two digits are a shard id', () => {
  expect(isShardId('au1')).toBe(true);
  expect(isShardId('AU1')).toBe(false);
});
