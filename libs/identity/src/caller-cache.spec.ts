import { CallerCache } from './caller-cache.ts';
import type { Principal } from './identity-service.ts';
import { isUserId } from './user-id.ts';

function ann() {
  const userId = 'a000000001';
  if (!isUserId(userId)) throw new Error('not a user id');
  return { kind: 'user', userId } satisfies Principal;
}

test('requests that come with one token at once share one look-up', async () => {
  let calls = 0;
  const cache = new CallerCache(async () => {
    calls++;
    return ann();
  });
  const answers = await Promise.all(Array.from({ length: 50 }, () => cache.principal('token')));
  expect(answers).toEqual(Array.from({ length: 50 }, ann));
  await cache.principal('token');
  expect(calls).toBe(1);
});

test('an unknown token is asked for again each time, and does not become known by that', async () => {
  let calls = 0;
  const cache = new CallerCache(async () => {
    calls++;
    return undefined;
  });
  expect(await cache.principal('token')).toBeUndefined();
  expect(await cache.principal('token')).toBeUndefined();
  expect(calls).toBe(2);
});

test('a failed look-up is told to whoever asked and is not remembered', async () => {
  let away = true;
  const cache = new CallerCache(async () => {
    if (away) throw new Error('away');
    return ann();
  });
  await expect(cache.principal('token')).rejects.toThrow('away');
  away = false;
  expect(await cache.principal('token')).toEqual(ann());
});

test('a forgotten user is looked up anew', async () => {
  let calls = 0;
  const cache = new CallerCache(async () => {
    calls++;
    return caller;
  });
  const caller = ann();
  await cache.principal('token');
  cache.forget(caller.userId);
  await cache.principal('token');
  expect(calls).toBe(2);
});

test.each([
  ['', 'empty'],
  ['a b', 'with a space'],
  ['tök', 'not ASCII'],
  ['x'.repeat(5_000), 'very long'],
])('a token that cannot be one is never looked up: %#', async (token) => {
  const cache = new CallerCache(() => Promise.reject(new Error('asked')));
  expect(await cache.principal(token)).toBeUndefined();
});
