import { newObjectId, type ClinicDocument, type ClinicianDocument } from '@caregate/clinic-model';
import type { UserId } from '@caregate/identity';
import { NotFound, Unprocessable } from '@caregate/service';
import { assertOpen, changed, joined, sameRoles } from './clinician-rules.ts';

const then = new Date('2026-01-01T00:00:00Z');
const now = new Date('2026-02-01T00:00:00Z');
const ann: ClinicianDocument = {
  _id: newObjectId(),
  clinicId: newObjectId(),
  userId: 'a000000001' as UserId, // ten hex digits
  email: 'ann@example.test',
  name: 'Ann',
  roles: ['CLINIC_MEMBER', 'PRESCRIBER'],
  rolesUpdates: [],
  createdTime: then,
  updatedTime: then,
};

test('a change of roles is kept with who made it', () => {
  const after = changed(ann, { name: 'Ann', roles: ['CLINIC_ADMIN'] }, 'a000000002', now);
  expect(after.roles).toEqual(['CLINIC_ADMIN']);
  expect(after.rolesUpdates).toEqual([
    { id: expect.any(String), roles: ['CLINIC_ADMIN'], updatedBy: 'a000000002', time: now },
  ]);
  expect(after.updatedTime).toEqual(now);
});

test('the same roles in another order are no change of roles', () => {
  const after = changed(ann, { name: 'Anna', roles: ['PRESCRIBER', 'CLINIC_MEMBER'] }, 'a000000002', now);
  expect(after.rolesUpdates).toEqual([]);
  expect(after.name).toBe('Anna');
});

test('a change without a name takes the name away', () => {
  expect(changed(ann, { roles: ann.roles }, 'a000000002', now)).not.toHaveProperty('name');
});

test('an invite becomes a member with the email that was invited', () => {
  const { userId, name: _name, ...rest } = ann;
  const member = joined(
    { ...rest, inviteId: 'key', inviteSentTime: then },
    { userId: userId ?? fail(), name: 'Ann' },
    now,
  );
  expect(member).toEqual({ ...ann, updatedTime: now });
});

test('nobody joins a clinic that is not there, or has not migrated', () => {
  expect(() => assertOpen(undefined)).toThrow(NotFound);
  expect(() => assertOpen({ isMigrated: false } as ClinicDocument)).toThrow(Unprocessable); // only this field is looked at
});

test.each([
  [['CLINIC_ADMIN'], ['CLINIC_MEMBER'], false],
  [['CLINIC_ADMIN'], ['CLINIC_ADMIN', 'PRESCRIBER'], false],
  [['PRESCRIBER', 'CLINIC_ADMIN'], ['CLINIC_ADMIN', 'PRESCRIBER'], true],
] as const)('%j and %j are the same roles: %s', (one, other, same) => {
  expect(sameRoles(one, other)).toBe(same);
});

function fail(): never {
  throw new Error('the clinician above has a user id');
}
