import type { ClinicDocument } from '@caregate/clinic-model';
import { Unprocessable } from '@caregate/service';
import { assertCanMigrate } from './migration-rules.ts';

const legacy = {
  name: 'Old Clinic',
  preferredBgUnits: 'mg/dL',
  address: '2 Side St',
  city: 'Reno',
  state: 'NV',
  country: 'US',
  postalCode: '89501',
  clinicType: 'other',
  isMigrated: false,
  admins: ['c000000001'],
};
const clinic = (change: object) => ({ ...legacy, ...change }) as unknown as ClinicDocument; // the fields that the rule looks at

test('the one admin of a complete legacy clinic is whose patients migrate', () => {
  expect(assertCanMigrate(clinic({}))).toBe('c000000001');
});

test.each([
  ['has migrated', { isMigrated: true }],
  ['has no name', { name: '' }],
  ['has no address', { address: undefined }],
  ['has no admin', { admins: [] }],
  ['has two admins', { admins: ['c000000001', 'c000000002'] }],
])('a clinic that %s does not migrate', (_name, change) => {
  expect(() => assertCanMigrate(clinic(change))).toThrow(Unprocessable);
});
