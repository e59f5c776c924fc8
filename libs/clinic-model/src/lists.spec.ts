import { identified, withConnectionRequest, withRolesUpdate } from './lists.ts';

const time = new Date('2026-01-02T00:00:00Z');
const update = { roles: ['CLINIC_ADMIN'], updatedBy: 'someone', time } as const;

test('changes of roles have ids of their own, and those of before are named by their place for good', () => {
  const before = Array.from({ length: 30 }, () => update);
  expect(identified(before).map(({ id }) => id)).toEqual(before.map((_, place) => String(place)));
  const after = withRolesUpdate(before, update);
  expect(after.at(-2)?.id).toBe('29');
  expect(after.at(-1)?.id).toMatch(/^[0-9a-f]{24}$/);
  expect(withRolesUpdate(after, update).at(-3)?.id).toBe('29');
});

test('however often roles change and connections are asked for, the lists do not grow', () => {
  let updates = withRolesUpdate([], update);
  let requests = {};
  for (let n = 0; n < 1_000; n++) {
    updates = withRolesUpdate(updates, update);
    requests = withConnectionRequest(requests, { providerName: 'dexcom', createdTime: new Date(n) });
  }
  expect(updates).toHaveLength(200);
  expect(new Set(updates.map(({ id }) => id)).size).toBe(200);
  expect(Object.values(requests)).toEqual([
    Array.from({ length: 10 }, (_, n) => ({ providerName: 'dexcom', createdTime: new Date(999 - n) })),
  ]);
});
