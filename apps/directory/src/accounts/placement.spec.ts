import { parseShardId } from '@caregate/shard';
import type { Shard } from '../shards/shards-file.ts';
import { leastLoaded } from './placement.ts';

const shard = (id: string, weight = 1): Shard => ({
  id: parseShardId(id),
  region: 'au',
  state: 'open',
  weight,
  apiUrl: 'http://127.0.0.1',
});
const counts = (entries: Record<string, number>) =>
  new Map(Object.entries(entries).map(([id, count]) => [parseShardId(id), count]));

test('an account goes to the shard with the least accounts', () => {
  expect(leastLoaded([shard('au1'), shard('au2')], counts({ au1: 3, au2: 2 }))).toBe('au2');
});

test('a shard of twice the weight takes twice as many', () => {
  const open = [shard('au1'), shard('au2', 2)];
  const accounts = counts({ au1: 0, au2: 0 });
  for (let n = 0; n < 300; n++) {
    const chosen = leastLoaded(open, accounts);
    if (chosen) accounts.set(chosen, (accounts.get(chosen) ?? 0) + 1);
  }
  expect(Object.fromEntries(accounts)).toEqual({ au1: 100, au2: 200 });
});

test('where no shard is open there is none', () => {
  expect(leastLoaded([], counts({ au1: 0 }))).toBeUndefined();
});
