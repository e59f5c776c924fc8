import { commonSettings, loadConfig, ownShard } from '@caregate/service';
import { z } from 'zod';
import { IdentityModule } from './identity.module.ts';
import { identitySettings } from './settings.ts';

const schema = z.object({ ...commonSettings, ...ownShard, ...identitySettings });
const start = (env: Record<string, string>) =>
  IdentityModule.forRoot(loadConfig(schema, { SHARD_ID: 'au1', MONGODB_URI: 'mongodb://127.0.0.1/x', ...env }));

test('local with a long secret and http with an address are taken', () => {
  start({ IDENTITY_SECRET: 's'.repeat(32) });
  start({ IDENTITY: 'http', IDENTITY_URL: 'http://127.0.0.1:18590' });
});

test.each([
  [{}, /^IDENTITY_SECRET is needed with IDENTITY=local.*openssl rand/],
  [{ IDENTITY_SECRET: 'too short' }, /^IDENTITY_SECRET must have at least 32 characters/],
  [{ IDENTITY: 'http' }, /^IDENTITY_URL is needed with IDENTITY=http/],
  [{ IDENTITY: 'http', IDENTITY_URL: 'file:///etc/passwd' }, /^IDENTITY_URL must be an address/],
  [{ IDENTITY: 'http', IDENTITY_URL: 'nonsense' }, /^IDENTITY_URL must be an address/],
  [{ IDENTITY: 'ldap' }, /^IDENTITY must be local .* or http/],
  [{ IDENTITY_SECRET: 's'.repeat(32), IDENTITY_SESSION_HOURS: '-1' }, /^IDENTITY_SESSION_HOURS /],
])('%j stops the app with one line that says what and why', (env, message) => {
  const fault = faultOf(() => start(env));
  expect(fault).toMatch(message);
  expect(fault).not.toContain('\n');
  expect(fault).not.toContain('too short');
});

function faultOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return 'nothing was wrong';
}
