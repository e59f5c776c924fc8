import type { UserId } from '@caregate/identity';
import { Forbidden } from '@caregate/service';
import { assertAllowed, type Facts } from './decide.ts';
import type { Caller } from './caller.ts';

const CLINIC = '0123456789abcdef01234567';
const facts: Facts = {
  rolesIn: async (clinicId, userId) =>
    clinicId !== CLINIC
      ? []
      : userId === 'a000000001'
        ? ['CLINIC_ADMIN']
        : userId === 'a000000002'
          ? ['CLINIC_MEMBER']
          : [],
  accountOfClinic: async (clinicId) => (clinicId === CLINIC ? 'account-1' : undefined),
  ownerOfAccount: async (accountId) => (accountId === 'account-1' ? 'a000000001' : undefined),
};
// Ids and accounts as the edge would have parsed them.
const user = (userId: string) => ({ kind: 'user', userId: userId as UserId }) as Caller;
const key = (accountId: string) =>
  ({ kind: 'apiKey', accountId, keyId: 'k', userId: 'a000000001' }) as unknown as Caller;
const service: Caller = { kind: 'service', name: 'export' };

const may = (operation: string, caller: Caller, path: Record<string, string> = {}) =>
  assertAllowed(operation, caller, path, facts).then(
    () => true,
    (error) => {
      expect(error).toBeInstanceOf(Forbidden);
      return false;
    },
  );

test('an admin updates the clinic, a member does not', async () => {
  expect(await may('UpdateClinic', user('a000000001'), { clinicId: CLINIC })).toBe(true);
  expect(await may('UpdateClinic', user('a000000002'), { clinicId: CLINIC })).toBe(false);
});

test('a member leaves by deleting their own record, and nobody else’s', async () => {
  expect(await may('DeleteClinician', user('a000000002'), { clinicId: CLINIC, clinicianId: 'a000000002' })).toBe(true);
  expect(await may('DeleteClinician', user('a000000002'), { clinicId: CLINIC, clinicianId: 'a000000001' })).toBe(false);
  expect(await may('DeleteClinician', user('a000000009'), { clinicId: CLINIC, clinicianId: 'a000000009' })).toBe(false);
});

test('a key reaches the clinics of its own account only, and no operation for services', async () => {
  expect(await may('ListPatients', key('account-1'), { clinicId: CLINIC })).toBe(true);
  expect(await may('ListPatients', key('account-2'), { clinicId: CLINIC })).toBe(false);
  expect(await may('ListPatients', key('account-1'), { clinicId: 'f'.repeat(24) })).toBe(false);
  expect(await may('UpdateTier', key('account-1'), { clinicId: CLINIC })).toBe(false);
  expect(await may('ListClinics', key('account-1'))).toBe(false);
});

test('a service creates no clinic, a user lists none', async () => {
  expect(await may('CreateClinic', service)).toBe(false);
  expect(await may('ListClinics', service)).toBe(true);
  expect(await may('ListClinics', user('a000000001'))).toBe(false);
});

test('an operation without a row is nobody’s, also when its name is one that every object has', async () => {
  expect(await may('NoSuchOperation', service)).toBe(false);
  expect(await may('constructor', service)).toBe(false);
  expect(await may('toString', service)).toBe(false);
});
