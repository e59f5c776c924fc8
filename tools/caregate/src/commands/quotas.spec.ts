import { jest } from '@jest/globals';
import { caregate } from '../caregate.ts';

const shown = {
  quotas: [
    { name: 'keys', limit: 50, used: 49, isSet: false },
    { name: 'clinics', limit: 7, used: 2, isSet: true },
    { name: 'patients', limit: 0, isSet: false },
  ],
  measuredTime: '2026-11-24T12:02:27.628Z',
};

let said = '';
let complained = '';
let asked: string[];

beforeEach(() => {
  said = complained = '';
  asked = [];
  process.env['OPERATOR_TOKEN'] = 'the token of operators';
  process.env['DIRECTORY_URL'] = 'http://directory.test';
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => Boolean((said += text)));
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => Boolean((complained += text)));
  jest.spyOn(globalThis, 'fetch').mockImplementation(async (url, init) => {
    asked.push(`${init?.method} ${url} ${init?.body ?? ''}`.trim());
    return Response.json(shown);
  });
});
afterEach(() => jest.restoreAllMocks());

const quotas = (...args: string[]) => caregate(['quotas', ...args, '--account', 'good-healthy-times']);
const PATH = 'http://directory.test/caregate/v1/accounts/good-healthy-times/quotas';

it('shows what an account uses of each quota', async () => {
  expect(await quotas('show')).toBe(0);
  expect(said.split('\n').map((line) => line.replaceAll(/ +/g, ' '))).toEqual([
    'keys 49 of 50',
    'clinics 2 of 7, set for this account',
    'patients - of any number',
    'Measured 2026-11-24T12:02:27.628Z.',
    '',
  ]);
  said = '';
  expect(await quotas('show', '--json')).toBe(0);
  expect(JSON.parse(said)).toEqual(shown);
  expect(asked).toEqual([`GET ${PATH}`, `GET ${PATH}`]);
});

it.each([
  [['keys=100'], { clinics: 7, keys: 100 }],
  [['keys=0', 'clinics='], { keys: 0 }],
])('sets %j beside what was set before', async (changes, body) => {
  expect(await quotas('set', ...changes)).toBe(0);
  expect(asked[0]).toBe(`GET ${PATH}`);
  const [, sent = ''] = asked[1]?.split(`PUT ${PATH} `) ?? [];
  expect(JSON.parse(sent)).toEqual(body);
  expect(said).toContain('keys');
});

it.each([
  ['kees=1', /no quota kees; the quotas are keys, clinics, patients/],
  ['keys=many', /"keys=many" is no quota; write it as name=limit/],
  ['keys', /write it as name=limit, such as keys=100/],
])('refuses %s and sets nothing', async (change, reason) => {
  expect(await quotas('set', change)).toBe(1);
  expect(complained).toMatch(reason);
  expect(asked.filter((each) => each.startsWith('PUT'))).toEqual([]);
});
