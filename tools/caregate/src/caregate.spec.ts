import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { jest } from '@jest/globals';
import { caregate } from './caregate.ts';
import { shardSettings } from './settings.ts';

let said = '';
let complained = '';
beforeEach(() => {
  said = complained = '';
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => Boolean((said += text)));
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => Boolean((complained += text)));
});
afterEach(() => jest.restoreAllMocks());

it.each([
  [[]],
  [['events', 'tail']],
  [['events', 'replay']],
  [['mail-preview']],
  [['keys']],
  [['keys', 'import']],
  [['dead-letters']],
  [['dead-letters', 'list']],
  [['dead-letters', 'show']],
  [['dead-letters', 'replay']],
  [['dead-letters', 'drop']],
])('%j has help', async (command) => {
  expect(await caregate([...command, '--help'])).toBe(0);
  expect(said).toContain(`Usage: ${['caregate', ...command].join(' ')}`);
});

it.each([[['dance']], [['dead-letters', 'dance']], [['dead-letters', 'list', '--dance']], [['dead-letters', 'show']]])(
  '%j is not understood',
  async (command) => {
    expect(await caregate(command)).toBe(2);
    expect(complained).toMatch(/error: .*\n/);
  },
);

it('is run by Node as it stands, without a compiler', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, 'main.ts'), '--help']);
  expect(stdout).toMatch(/^Usage: caregate/);
});

it.each([
  [['counts', 'check']],
  [['events', 'gaps']],
  [['audit', 'export', '--account', 'x']],
  [['backup', '--to', '/tmp/x']],
])(
  '%j names the setting when its database cannot be reached, and not what stands in it',
  async (command) => {
    const before = process.env['MONGODB_URI'];
    try {
      for (const [address, fault] of [
        [
          'mongodb://me:secret@127.0.0.1:1/clinic',
          /^caregate: MongoDB cannot be reached at the address in MONGODB_URI: is it right/,
        ],
        ['nonsense:secret', /^caregate: MongoDB cannot be reached at the address in MONGODB_URI/],
        ['', /^caregate: MONGODB_URI is needed/],
      ] as const) {
        complained = '';
        process.env['MONGODB_URI'] = address;
        expect(await caregate(command)).toBe(1);
        expect(complained).toMatch(fault);
        expect(complained).not.toContain('secret');
      }
    } finally {
      if (before === undefined) delete process.env['MONGODB_URI'];
      else process.env['MONGODB_URI'] = before;
    }
  },
  20_000,
);

it('says which setting is missing', () => {
  expect(() => shardSettings({})).toThrow('KAFKA_BROKERS is needed');
  expect(() => shardSettings({ KAFKA_BROKERS: 'nonsense' })).toThrow('must look like host:port');
  expect(() => shardSettings({ KAFKA_BROKERS: 'a:1' })).toThrow('SHARD_ID is needed');
  expect(shardSettings({ KAFKA_BROKERS: 'kafkas://ops:p%40ss@a:1', TOPIC_PREFIX: 'au1' })).toEqual({
    brokers: ['a:1'],
    ssl: true,
    sasl: { mechanism: 'scram-sha-512', username: 'ops', password: 'p@ss' },
    topicPrefix: 'au1',
  });
  expect(shardSettings({ KAFKA_BROKERS: 'a:1,b:2', SHARD_ID: 'uk1' })).toEqual({
    brokers: ['a:1', 'b:2'],
    topicPrefix: 'uk1',
  });
});

it('drops nothing unless it is told what', async () => {
  expect(await caregate(['dead-letters', 'drop'])).toBe(1);
  expect(complained).toContain('which ones?');
});
