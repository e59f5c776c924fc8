import type { PatientProfile } from '@caregate/identity';
import { knownElsewhere } from './known-elsewhere.ts';

describe('what another service knows of a person', () => {
  it('is what the contract takes, trimmed, the email in lower case', () => {
    const patient = { birthday: '1990-02-03', mrn: ' M-1 ', email: 'Child@Example.com', targetDevices: ['dexcom'] };
    expect(knownElsewhere({ email: 'parent@example.com' }, { fullName: ' Zoë\u00a0', patient })).toEqual({
      ...{
        fullName: 'Zoë',
        birthDate: '1990-02-03',
        mrn: 'M-1',
        email: 'child@example.com',
        targetDevices: ['dexcom'],
      },
      leftOut: [],
    });
  });

  it.each<[string, object]>([
    ['birthDate', { birthday: '1990-02-30' }],
    ['birthDate', { birthday: '02/03/1990' }],
    ['birthDate', { birthday: '1066-10-14' }],
    ['birthDate', { birthday: 19900203 }],
    ['email', { email: 'n/a' }],
    ['email', { email: 'jdoe' }],
    ['email', { email: 'a@example.com\nBcc: b@example.com' }],
    ['mrn', { mrn: 'M'.repeat(5_000) }],
    ['mrn', { mrn: 'M\u0000' }],
    ['fullName', { fullName: 'x'.repeat(5_000) }],
    ['fullName', { fullName: { $gt: '' } }],
  ])('has no %s from %j, and says so', (field, patient) => {
    expect(knownElsewhere({}, { patient: patient as PatientProfile })).toEqual({ leftOut: [field] }); // as one may be
  });

  it('loses devices that are none, and says so', () => {
    const targetDevices = ['dexcom', null, 'x'.repeat(101), 7] as string[]; // as a profile may hold them
    expect(knownElsewhere({}, { patient: { targetDevices } })).toEqual({
      targetDevices: ['dexcom'],
      leftOut: ['targetDevices'],
    });
  });

  it('has a name in one line, and never that of whoever keeps the account for one that is refused', () => {
    expect(knownElsewhere({}, { patient: { fullName: 'Ada\tSmith\n' } })).toEqual({
      fullName: 'Ada Smith',
      leftOut: [],
    });
    const keeper = { fullName: 'Parent', patient: { fullName: 'x'.repeat(300) } };
    expect(knownElsewhere({}, keeper)).toEqual({ leftOut: ['fullName'] });
  });

  it.each([[null], [7], [[]], ['text']])('has nothing from a part that is %j', (patient) => {
    expect(knownElsewhere({}, { patient: patient as never })).toEqual({ leftOut: [] });
  });

  it('is nothing where nothing is told', () => {
    const profile = { fullName: '', patient: { birthday: '', mrn: ' ', email: '' } };
    expect(knownElsewhere({}, profile)).toEqual({ leftOut: [] });
    expect(knownElsewhere({})).toEqual({ leftOut: [] });
  });
});
