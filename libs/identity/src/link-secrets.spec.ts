import { randomBytes } from 'node:crypto';
import { LinkSecrets } from './link-secrets.ts';
import { linkSecrets } from './settings.ts';

const [first, second] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')];
const of = (secrets: string[], shardId = 'au1') => new LinkSecrets(shardId, secrets);

test('the secret of a link opens that link and no other', () => {
  const secret = of([first]).secretOf('sign-up', 'one') ?? '';
  expect(secret).toMatch(/^[\w-]{43}$/);
  expect(of([first]).matches('sign-up', 'one', secret)).toBe(true);
  expect(of([first]).matches('sign-up', 'two', secret)).toBe(false);
  expect(of([first]).matches('clinician invite', 'one', secret)).toBe(false);
  expect(of([first], 'uk1').matches('sign-up', 'one', secret)).toBe(false);
  for (const wrong of ['', secret.slice(1), `${secret}A`, 'x'.repeat(43)])
    expect(of([first]).matches('sign-up', 'one', wrong)).toBe(false);
});

test('links that were mailed before the key was changed still open', () => {
  const secret = of([first]).secretOf('sign-up', 'one') ?? '';
  expect(of([second, first]).matches('sign-up', 'one', secret)).toBe(true);
  expect(of([second, first]).secretOf('sign-up', 'one')).not.toBe(secret);
  expect(of([second]).matches('sign-up', 'one', secret)).toBe(false);
});

test('without a key there are no links, and nothing opens one', () => {
  expect(of([]).available).toBe(false);
  expect(of([]).secretOf('sign-up', 'one')).toBeUndefined();
  expect(of([]).matches('sign-up', 'one', '')).toBe(false);
});

test('the key is LINK_SECRET, or else IDENTITY_SECRET where it is long enough', () => {
  const settings = { SHARD_ID: 'au1', IDENTITY: 'http', IDENTITY_SESSION_HOURS: 12, IDENTITY_REALM: 'r' } as const;
  const secretBy = (secrets: object) => linkSecrets({ ...settings, ...secrets }).secretOf('sign-up', 'one');
  expect(secretBy({ LINK_SECRET: first, IDENTITY_SECRET: second })).toBe(of([first]).secretOf('sign-up', 'one'));
  expect(secretBy({ IDENTITY_SECRET: second })).toBe(of([second]).secretOf('sign-up', 'one'));
  expect(secretBy({ IDENTITY_SECRET: 'guess' })).toBeUndefined();
  expect(secretBy({})).toBeUndefined();
  const old = of([first]).secretOf('sign-up', 'one') ?? '';
  const rotated = linkSecrets({ ...settings, IDENTITY_SECRET: second, IDENTITY_SECRET_PREVIOUS: first });
  expect(rotated.matches('sign-up', 'one', old)).toBe(true);
});
