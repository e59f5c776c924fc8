import { parse } from 'yaml';
import { regionsOf, shardsFileText, type ShardEntry } from './shards-file.ts';

test('is YAML with regions and shards', () => {
  const shards: ShardEntry[] = [{ id: 'au1', region: 'au', state: 'open', weight: 1, apiUrl: 'http://127.0.0.1:1' }];
  const regions = regionsOf(['au1']);
  const text = shardsFileText({ regions, shards });
  expect(parse(text)).toEqual({ regions, shards });
});

test('has one region for shards of the same region', () => {
  expect(regionsOf(['au1', 'au2', 'uk1', 'zz9'])).toEqual([
    { id: 'au', name: 'Australia', description: 'Your data is stored in Australia.' },
    { id: 'uk', name: 'United Kingdom', description: 'Your data is stored in the United Kingdom.' },
    { id: 'zz', name: 'ZZ', description: 'Your data is stored in ZZ.' },
  ]);
});
