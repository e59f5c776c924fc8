import { jest } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { caregate } from '../caregate.ts';

let folder: string;
let said = '';
let complained = '';
let sent: { url: string; authorization: string; body: { subdomain: string; keys: { key: string; name?: string }[] } }[];
/** What the directory was asked, by whom. */
let granted: string[];
/** What the shard answers to a list of keys. */
let answer: (keys: readonly { key: string }[]) => Response;

beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'caregate-keys-'))));
afterAll(() => rm(folder, { recursive: true }));
beforeEach(() => {
  said = complained = '';
  sent = [];
  answer = (keys) => Response.json({ imported: keys.length, present: 0, refused: [] });
  process.env['SHARD_URL'] = 'http://shard.test/';
  process.env['OPERATOR_TOKEN'] = 'the token of operators';
  process.env['DIRECTORY_URL'] = 'http://directory.test';
  granted = [];
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => Boolean((said += text)));
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => Boolean((complained += text)));
  jest.spyOn(globalThis, 'fetch').mockImplementation(async (url, init) => {
    const authorization = new Headers(init?.headers).get('authorization') ?? '';
    if (String(url).startsWith('http://directory.test')) {
      granted.push(`${authorization} ${url} ${init?.body ?? 'without a body'}`);
      return Response.json(
        { shard: 'au1', apiUrl: 'https://api.au1.test', token: `token ${granted.length}` },
        { status: 201 },
      );
    }
    const body = JSON.parse(String(init?.body));
    sent.push({ url: String(url), authorization, body });
    return answer(body.keys);
  });
});
afterEach(() => jest.restoreAllMocks());

async function importing(name: string, text: string): Promise<number> {
  const file = join(folder, name);
  await writeFile(file, text);
  return caregate(['keys', 'import', '--account', 'good-healthy-times', '--file', file]);
}

it.each([
  ['keys.csv', 'key,name\nplantedOne,Lab\nplantedTwo,\n'],
  ['keys.json', '[{"key":"plantedOne","name":"Lab"},{"key":"plantedTwo","name":""}]'],
])('sends the keys of %s to the shard', async (name, text) => {
  expect(await importing(name, text)).toBe(0);
  expect(sent).toEqual([
    {
      url: 'http://shard.test/caregate/v1/imported_api_keys',
      authorization: 'Bearer token 1',
      body: {
        subdomain: 'good-healthy-times',
        keys: [
          { key: 'plantedOne', name: 'Lab' },
          { key: 'plantedTwo', name: '' },
        ],
      },
    },
  ]);
  expect([said, complained]).toEqual(['keys: 2 imported, 0 there already, 0 refused\n', '']);
  expect(granted).toEqual([
    'Bearer the token of operators http://directory.test/caregate/v1/accounts/good-healthy-times/key_import_tokens without a body',
  ]);
});

it('names bad lines by their numbers, those of the file and those of the shard, and no key', async () => {
  answer = () => Response.json({ imported: 1, present: 1, refused: [{ index: 1, reason: 'the API key is empty' }] });
  expect(await importing('bad.csv', 'key,name\nplantedOne,Lab\n,x\nplanted"Two,y\nplantedThree,z\n')).toBe(1);
  expect(complained).toMatch(
    /bad\.csv:3: the API key is empty\n.*bad\.csv:4: it is not CSV.*\n.*not all keys were imported/,
  );
  expect(said).toBe('keys: 1 imported, 1 there already, 2 refused\n');
  expect(said + complained).not.toContain('planted');
});

it('sends many keys in parts, and knows the lines of all', async () => {
  answer = (keys) => Response.json({ imported: keys.length - 1, present: 0, refused: [{ index: 0, reason: 'no' }] });
  const lines = Array.from({ length: 1_200 }, (_, n) => `key${n}`);
  expect(await importing('many.csv', ['key', ...lines].join('\n'))).toBe(1);
  expect(sent.map(({ body }) => body.keys.length)).toEqual([500, 500, 200]);
  expect(complained.match(/many\.csv:\d+/g)).toEqual(['many.csv:2', 'many.csv:502', 'many.csv:1002']);
});

it('goes to the address that people use unless another is given, with a new token for each part', async () => {
  delete process.env['SHARD_URL'];
  const lines = Array.from({ length: 501 }, (_, n) => `key${n}`);
  expect(await importing('some.csv', ['key', ...lines].join('\n'))).toBe(0);
  expect(sent.map(({ url, authorization }) => [url, authorization])).toEqual([
    ['https://api.au1.test/caregate/v1/imported_api_keys', 'Bearer token 1'],
    ['https://api.au1.test/caregate/v1/imported_api_keys', 'Bearer token 2'],
  ]);
});

it('says what the shard says, and what is missing', async () => {
  answer = () => Response.json({ message: 'keys of the time before shards belong to au1' }, { status: 409 });
  expect(await importing('one.csv', 'key\nplanted')).toBe(1);
  expect(complained).toBe('caregate: keys of the time before shards belong to au1\n');
  expect(await caregate(['keys', 'import', '--account', 'x', '--file', join(folder, 'nothing')])).toBe(1);
  expect(complained).toMatch(/nothing cannot be read: ENOENT/);
  process.env['SHARD_URL'] = 'nonsense';
  expect(await importing('one.csv', 'key\nplanted')).toBe(1);
  expect(complained).toContain('SHARD_URL must be an address');
  delete process.env['SHARD_URL'];
  delete process.env['OPERATOR_TOKEN'];
  expect(await importing('one.csv', 'key\nplanted')).toBe(1);
  expect(complained).toContain('OPERATOR_TOKEN is needed');
});

describe('an operator', () => {
  const key = {
    id: 'k1',
    name: 'Lab',
    last4: 'x7Qp',
    createdBy: 'a0c1d2e3f4',
    createdTime: '2026-11-24T12:02:27.628Z',
  };
  const keys = [
    key,
    { ...key, id: 'k2', stoppedTime: '2026-11-25T12:00:00.000Z' },
    { ...key, id: 'k3', revokedTime: '2026-11-25T12:00:00.000Z' },
    { ...key, id: 'k4', expiresTime: '2026-11-25T12:00:00.000Z' },
  ];
  let asked: string[];

  beforeEach(() => {
    asked = [];
    process.env['DIRECTORY_URL'] = 'http://directory.test';
    process.env['OPERATOR_TOKEN'] = 'token';
    jest.spyOn(globalThis, 'fetch').mockImplementation(async (url, init) => {
      asked.push(`${init?.method} ${String(url)} ${new Headers(init?.headers).get('authorization')}`);
      return init?.method === 'DELETE' ? new Response(undefined, { status: 204 }) : Response.json(keys);
    });
  });

  it('lists the keys of an account, and whether they work', async () => {
    expect(await caregate(['keys', 'list', '--account', 'good-healthy-times'])).toBe(0);
    expect(asked).toEqual(['GET http://directory.test/caregate/v1/accounts/good-healthy-times/api_keys Bearer token']);
    expect(said.split('\n').map((line) => line.split(/ +/).slice(0, 2))).toEqual([
      ['k1', 'works'],
      ['k2', 'stopped'],
      ['k3', 'revoked'],
      ['k4', 'expired'],
      [''],
    ]);
  });

  it('revokes those that are named, or all, and none unless told which', async () => {
    const path = 'http://directory.test/caregate/v1/accounts/good-healthy-times/api_keys';
    expect(await caregate(['keys', 'revoke', '--account', 'good-healthy-times', 'k1'])).toBe(0);
    expect(asked).toEqual([`DELETE ${path}/k1 Bearer token`]);
    expect(await caregate(['keys', 'revoke', '--account', 'good-healthy-times', '--all'])).toBe(0);
    expect(asked.slice(2)).toEqual([`DELETE ${path}/k1 Bearer token`, `DELETE ${path}/k2 Bearer token`]);
    expect(said).toBe('keys: 1 revoked\nkeys: 2 revoked\n');
    expect(await caregate(['keys', 'revoke', '--account', 'good-healthy-times'])).toBe(1);
    expect(complained).toMatch(/which keys\?/);
  });
});
