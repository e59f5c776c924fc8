import { parseShardId } from '@caregate/shard';
import { parseShardsFile } from './shards-file.ts';

const au1 = parseShardId('au1');
const good = `
regions:
  - { id: au, name: Australia, description: Your data is stored in Sydney. }
  - { id: uk, name: United Kingdom, description: Your data is stored in London. }
shards:
  - { id: au1, region: au, state: open, apiUrl: 'http://127.0.0.1:3001' }
  - { id: au2, region: au, state: full, weight: 2, apiUrl: 'http://127.0.0.1:3002' }
  - { id: uk1, region: uk, state: open, weight: 0.5, apiUrl: 'http://127.0.0.1:3003', publicPort: 3003 }
`;

test('regions and shards are read, with a weight of one where none is given', () => {
  const { regions, shards } = parseShardsFile(good, au1);
  expect(regions.map(({ id }) => id)).toEqual(['au', 'uk']);
  expect(shards.map(({ id, weight }) => [id, weight])).toEqual([
    ['au1', 1],
    ['au2', 2],
    ['uk1', 0.5],
  ]);
});

test.each([
  ['a duplicate shard', good.replace('id: au2', 'id: au1'), /^shard au1 is listed twice$/],
  ['a duplicate region', good.replace('id: uk, name', 'id: au, name'), /region au is listed twice/],
  ['a bad shard id', good.replace('id: au2', 'id: AU2'), /^shards\[1\]\.id: must be two letters and one or two digits/],
  [
    'a bad region id',
    good.replace('id: uk, name', 'id: gbr, name'),
    /^regions\[1\]\.id: must be two lower-case letters/,
  ],
  [
    'a region without an open shard',
    good.replace('uk, state: open', 'uk, state: draining'),
    /^region uk has no open shard/,
  ],
  [
    'an unknown region',
    good.replace('region: au, state: full', 'region: nz, state: full'),
    /^shard au2 lies in region nz, which is not listed$/,
  ],
  ['an unknown state', good.replace('state: full', 'state: fool'), /^shards\[1\]\.state: /],
  ['a weight of nothing', good.replace('weight: 2', 'weight: 0'), /^shards\[1\]\.weight: /],
  [
    'no address',
    good.replace("apiUrl: 'http://127.0.0.1:3001'", 'apiUrl: nowhere'),
    /^shards\[0\]\.apiUrl: must be an address/,
  ],
  ['a misspelt key', good.replace('weight: 2', 'wieght: 2'), /^shards\[1\]: Unrecognized key.*wieght/],
  ['no YAML', 'regions: [', /^it is not YAML: /],
  ['an empty file', '', /^the file: /],
  ['no default shard', good.replaceAll('au1', 'au3'), /^the default shard au1 is not listed$/],
])('a file with %s is refused with one line that says so', (_name, text, message) => {
  expect(() => parseShardsFile(text, au1)).toThrow(message);
  expect(() => parseShardsFile(text, au1)).toThrow(/^[^\n]+$/);
});

test('all that is wrong is said at once', () => {
  const text = good.replace('id: au2', 'id: au1').replace('uk, state: open', 'uk, state: closed');
  expect(() => parseShardsFile(text, au1)).toThrow(
    'shard au1 is listed twice; region uk has no open shard, so nobody could sign up there',
  );
});
