import { z } from 'zod';
import { commonSettings, ConfigError, loadConfig, settingsHelp } from './config.ts';

const schema = z.object({
  ...commonSettings,
  SECRET: z.string().min(16, 'must have at least 16 characters').optional(),
});
const good = { MONGODB_URI: 'mongodb://127.0.0.1:27017/clinic_au1?replicaSet=rs0' };

test('what is not set, or set to nothing, has its default', () => {
  expect(loadConfig(schema, { ...good, HOST: '' })).toMatchObject({
    HOST: '127.0.0.1',
    SHARD_ID: 'au1',
    LOG_LEVEL: 'info',
  });
});

test.each([
  [{}, /^MONGODB_URI is needed/],
  [{ MONGODB_URI: 'mongodb://127.0.0.1:27017' }, /^MONGODB_URI must look like/],
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
  expect(help).toMatch(/SHARD_ID +the shard that this app belongs to \(default au1\)/);
  expect(help).toMatch(/SECRET .*\(optional\)/);
});
