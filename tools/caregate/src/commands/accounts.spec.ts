import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { jest } from '@jest/globals';
import { caregate } from '../caregate.ts';
import { directorySettings, type Move } from '../directory.ts';
import { lineOf } from './accounts.ts';

const move = (changes: Partial<Move> = {}): Move => ({
  id: '7b1c9d52-7f0e-4c1e-9a52-6a1d6f8f0b11',
  subdomain: 'good-healthy-times',
  from: 'au1',
  to: 'uk1',
  phase: 'copying',
  moved: false,
  progress: { copied: 4200, total: 10043, lagMs: 120, secondsLeft: 7 },
  startedTime: '2026-11-24T12:02:27.628Z',
  ...changes,
});

let said = '';
let complained = '';
let asked: string[] = [];
let answers: [number, unknown][] = [];
let server: Server;

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.authorization}`);
    const [status, body] = answers.shift() ?? [500, {}];
    request
      .resume()
      .on('end', () => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  process.env['DIRECTORY_URL'] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // a listening TCP server
  process.env['OPERATOR_TOKEN'] = 'token';
});
afterAll(() => new Promise((resolve) => server.close(resolve)));
beforeEach(() => {
  said = complained = '';
  asked = [];
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => Boolean((said += text)));
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => Boolean((complained += text)));
});
afterEach(() => jest.restoreAllMocks());

it.each([[[]], [['list']], [['move']], [['moves']], [['watch-move']], [['cancel-move']], [['resume-move']]])(
  'accounts %j has help',
  async (command) => {
    expect(await caregate(['accounts', ...command, '--help'])).toBe(0);
    expect(said).toContain(`Usage: ${['caregate', 'accounts', ...command].join(' ')}`);
  },
);

it('moves an account and shows how far it is', async () => {
  answers = [
    [201, move()],
    [200, move({ phase: 'fencing', progress: { copied: 10043, total: 10043 } })],
    [200, move({ phase: 'waiting', moved: true, progress: { copied: 10043, total: 10043, pausedMs: 312 } })],
  ];
  expect(await caregate(['accounts', 'move', 'good-healthy-times', '--to', 'uk1'])).toBe(0);
  expect(said).toContain(
    'au1 → uk1: copying while it is in use, 4200 of 10043 documents, 120 ms behind, about 7 s left\n',
  );
  expect(said).toContain('au1 → uk1: writers wait, 10043 of 10043 documents\n');
  expect(said).toMatch(/it has moved; .*, writers waited 312 ms\n$/);
  expect(asked[0]).toBe('POST /caregate/v1/accounts/good-healthy-times/moves Bearer token');
});

const placed = (n: number) => ({
  ...{ accountId: `0-${n}`, subdomain: `s${String(n).padStart(4, '0')}`, region: 'au', shard: 'au1', state: 'active' },
  urls: { account: `https://s${n}.au1.example`, api: 'https://api.au1.example' },
});
const page = (from: number, count: number) => Array.from({ length: count }, (_, n) => placed(from + n));

it('lists all accounts, however many pages the directory makes of them', async () => {
  answers = [
    [200, page(0, 500)],
    [200, page(500, 2)],
  ];
  expect(await caregate(['accounts', 'list', '--shard', 'au1'])).toBe(0);
  expect(asked).toEqual([
    'GET /caregate/v1/accounts?shard=au1&limit=500 Bearer token',
    'GET /caregate/v1/accounts?shard=au1&limit=500&after=s0499 Bearer token',
  ]);
  expect(said.split('\n')).toHaveLength(504);
  expect(said).toContain('s0501');
  expect(said).toMatch(/\n502 accounts\n$/);
});

it('lists accounts for programs, too, and knows the states', async () => {
  answers = [[200, page(0, 1)]];
  expect(await caregate(['accounts', 'list', '--state', 'active', '--json'])).toBe(0);
  expect(JSON.parse(said)).toEqual(placed(0));
  expect(await caregate(['accounts', 'list', '--state', 'gone'])).toBe(2);
});

it('says what the directory says when it refuses', async () => {
  answers = [[422, { message: 'there is no shard zz9; the shards are au1, uk1' }]];
  expect(await caregate(['accounts', 'move', 'good-healthy-times', '--to', 'zz9'])).toBe(1);
  expect(complained).toBe('caregate: there is no shard zz9; the shards are au1, uk1\n');
});

it('fails when the move is given up', async () => {
  answers = [
    [201, move()],
    [200, move({ phase: 'cancelled', fault: 'shard uk1 says no' })],
  ];
  expect(await caregate(['accounts', 'move', 'good-healthy-times', '--to', 'uk1'])).toBe(1);
  expect(complained).toBe('caregate: the move was given up: shard uk1 says no\n');
});

it('needs a shard to move to', async () => {
  expect(await caregate(['accounts', 'move', 'good-healthy-times'])).toBe(2);
  expect(complained).toContain("required option '--to <shard>'");
});

it('says which setting is missing', () => {
  expect(() => directorySettings({})).toThrow('OPERATOR_TOKEN is needed');
  expect(() => directorySettings({ DIRECTORY_URL: 'nonsense', OPERATOR_TOKEN: 't' })).toThrow('DIRECTORY_URL must be');
});

it('says why a move waits', () => {
  expect(lineOf(move({ fault: 'shard uk1 does not answer' }))).toContain('held up: shard uk1 does not answer');
});
