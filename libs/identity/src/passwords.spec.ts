import { hash } from '@node-rs/argon2';
import { hashPassword, isOutdated, isPassword, isPasswordHash } from './passwords.ts';

test('only the password that was hashed is taken', async () => {
  const stored = await hashPassword('correct horse');
  expect(isPasswordHash(stored)).toBe(true);
  expect(isOutdated(stored)).toBe(false);
  expect(stored).not.toContain('correct');
  expect(await isPassword('correct horse', stored)).toBe(true);
  expect(await isPassword('correct horse ', stored)).toBe(false);
  expect(await isPassword('', stored)).toBe(false);
  expect(await isPassword('x'.repeat(100_000), stored)).toBe(false);
});

test('composed and decomposed letters are one password', async () => {
  expect(await isPassword('caf\u0065\u0301 au lait', await hashPassword('caf\u00e9 au lait'))).toBe(true);
});

test('no password opens an account without one', async () => {
  expect(await isPassword('a password that nobody has', undefined)).toBe(false);
});

test('a hash of lower cost is known to be outdated', async () => {
  const weak = await hash('correct horse', { memoryCost: 8_192, timeCost: 1 });
  expect(isPasswordHash(weak)).toBe(true);
  expect(isOutdated(weak)).toBe(true);
});

test.each(['', '$2b$10$abc', '$argon2i$v=19$m=19456,t=2,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAA', 'correct horse'])(
  '%p is no hash of ours',
  (text) => {
    expect(isPasswordHash(text)).toBe(false);
  },
);

test.each(['short', 'x'.repeat(257)])(
  'a password of the wrong length is refused without being repeated',
  async (password) => {
    await expect(hashPassword(password)).rejects.toThrow(
      /^the password is too (short|long): use at (least|most) \d+ characters$/,
    );
  },
);
