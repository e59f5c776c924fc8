import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { commonSettings, ConfigError, loadConfig, ownShard, settingsHelp } from './config.ts';

const schema = z.object({
  ...commonSettings,
  ...ownShard,
  SECRET: z.string().min(16, 'must have at least 16 characters').optional(),
});
const good = { SHARD_ID: 'au1', MONGODB_URI: 'mongodb://127.0.0.1:27017/clinic_au1?replicaSet=rs0' };

test('what is not set, or set to nothing, has its default', () => {
  expect(loadConfig(schema, { ...good, HOST: '' })).toMatchObject({
    HOST: '127.0.0.1',
    LOG_LEVEL: 'info',
  });
});

test.each([
  [{ ...good, MONGODB_URI: '' }, /^MONGODB_URI is needed/],
  [{ ...good, MONGODB_URI: 'mongodb://127.0.0.1:27017' }, /^MONGODB_URI must look like/],
  [{ ...good, SHARD_ID: '' }, /^SHARD_ID is needed/],
  [{ ...good, SHARD_ID: 'au123' }, /^SHARD_ID must be two letters and one or two digits/],
  [{ ...good, PORT: '70000' }, /^PORT /],
])('%j is refused in one line', (env, message) => {
  expect(() => loadConfig(schema, env)).toThrow(ConfigError);
  expect(() => loadConfig(schema, env)).toThrow(message);
});

test('a wrong secret is named and not repeated', () => {
  expect(() => loadConfig(schema, { ...good, SECRET: 'hunter2' })).toThrow(/^SECRET must have at least 16 characters$/);
});

test('help names each setting, what it is for and whether it is needed', () => {
  const help = settingsHelp('clinic-api', schema);
  expect(help).toMatch(/MONGODB_URI +the database of this app \(needed\)/);
  expect(help).toMatch(/SHARD_ID +the shard that this app belongs to \(needed\)/);
  expect(help).toMatch(/SECRET .*\(optional\)/);
});

test('help keeps a name apart from what it is for, however long it is', () => {
  const long = 'A_SETTING_WITH_A_NAME_THAT_IS_RATHER_LONG';
  const help = settingsHelp('clinic-api', z.object({ [long]: z.string().describe('something') }));
  expect(help).toContain(`${long}  something (needed)`);
});

describe('a value in a file', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'caregate-config-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  const file = (content: string) => {
    const path = join(folder, 'value');
    writeFileSync(path, content);
    return path;
  };

  test.each(['0123456789abcdef', '0123456789abcdef\n', '0123456789abcdef\r\n'])('%j is read', (content) => {
    expect(loadConfig(schema, { ...good, SECRET_FILE: file(content) }).SECRET).toBe('0123456789abcdef');
  });

  test('it is held to the same rules, and not repeated', () => {
    expect(() => loadConfig(schema, { ...good, SECRET_FILE: file('hunter2') })).toThrow(
      /^SECRET must have at least 16 characters$/,
    );
  });

  test('a needed setting may come from one', () => {
    expect(loadConfig(schema, { SHARD_ID: 'au1', MONGODB_URI_FILE: file(good.MONGODB_URI) }).MONGODB_URI).toBe(
      good.MONGODB_URI,
    );
  });

  test('a file that is not there, and a value in both ways, are refused', () => {
    expect(() => loadConfig(schema, { ...good, SECRET_FILE: join(folder, 'none') })).toThrow(
      new ConfigError('SECRET_FILE names a file that cannot be read (ENOENT)'),
    );
    const both = { ...good, SECRET: '0123456789abcdef', SECRET_FILE: file('0123456789abcdef') };
    expect(() => loadConfig(schema, both)).toThrow(/both given/);
  });
});
