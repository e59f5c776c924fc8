import { newObjectId, type PatientDocument, type RolesUpdate, withRolesUpdate } from '@caregate/clinic-model';
import type { UserId } from '@caregate/identity';
import { migrantOf } from '../migrations/migration.service.ts';
import { kindOf, openRequests } from './connection-request.handler.ts';
import { profileOf } from './custodial-profile.handler.ts';
import { newRolesUpdates } from './new-roles-updates.ts';

const now = new Date('2026-01-02T00:00:00Z');
const ago = (hours: number) => new Date(now.getTime() - hours * 3_600_000);

describe('changes of roles', () => {
  const update = (hours: number, id?: string): RolesUpdate => ({
    ...{ roles: ['CLINIC_ADMIN'], updatedBy: 'someone', time: ago(hours) },
    ...(id !== undefined && { id }),
  });
  const ids = (event: Parameters<typeof newRolesUpdates>[0], rolesUpdates?: RolesUpdate[]) =>
    newRolesUpdates(event, rolesUpdates ? { rolesUpdates } : {}).map(({ id }) => id);
  const event = { clusterTime: { time: now, ordinal: 1 } };

  it('are those that were made shortly before the event, or after it', () => {
    expect(ids(event, [update(9, 'a'), update(0.5, 'b'), update(0, 'c'), update(-2, 'd')])).toEqual(['b', 'c', 'd']);
    expect(ids(event, [update(9, 'a')])).toEqual([]);
    expect(ids(event)).toEqual([]);
  });

  it('of before they had ids are known by their place, also when the list is cut later', () => {
    const before = Array.from({ length: 225 }, (_, n) => update(n < 223 ? 9 : 0));
    expect(ids(event, before)).toEqual(['223', '224']);
    const { id: _id, ...more } = update(0);
    const after = withRolesUpdate(before, more);
    expect(ids(event, after).slice(0, 2)).toEqual(['223', '224']);
    expect(after.length).toBeLessThan(225);
  });

  it('that a snapshot shows after a loss are those since the loss', () => {
    expect(ids({ changedSince: ago(3) }, [update(9, 'a'), update(2, 'b'), update(0, 'c')])).toEqual(['b', 'c']);
  });
});

describe('requests to connect', () => {
  const request = (providerName: string, days: number) => ({ providerName, createdTime: ago(days * 24) });

  it('are the newest for each provider that we can ask to connect, for 30 days', () => {
    const connectionRequests = {
      dexcom: [request('dexcom', 3), request('dexcom', 1)],
      twiist: [request('twiist', 31)],
      other: [request('other', 1)],
    };
    expect(openRequests({ connectionRequests }, now)).toEqual([['dexcom', request('dexcom', 1)]]);
    expect(openRequests({}, now)).toEqual([]);
    expect(openRequests({ connectionRequests: { dexcom: [] } }, now)).toEqual([]);
  });

  it('ask for what the patient has to do', () => {
    const had = (providerName: string, state = 'error') => ({
      permissions: {},
      dataSources: [{ providerName, state }],
    });
    expect(kindOf('dexcom', { permissions: { view: {} } })).toBe('connect');
    expect(kindOf('dexcom', { permissions: { custodian: {} } })).toBe('connect_custodial');
    expect(kindOf('dexcom', had('dexcom'))).toBe('reconnect');
    expect(kindOf('dexcom', had('dexcom', 'pendingReconnect'))).toBe('reconnect');
    expect(kindOf('dexcom', had('dexcom', 'pending'))).toBe('connect');
    expect(kindOf('dexcom', had('twiist'))).toBe('connect');
  });
});

describe('somebody who migrates', () => {
  const user = { userId: '0123456789' as UserId, email: 'Account@Example.com', roles: [] }; // 10 hex digits
  const { userId } = user;

  it('is known by the patient’s part of the profile, then by that of whoever keeps the account', () => {
    const profile = {
      fullName: 'Parent',
      patient: { fullName: 'Child', birthday: '2015-01-01', mrn: 'M', targetDevices: ['x'] },
    };
    expect(migrantOf(user, profile, { view: {}, note: {}, unheard: {} })).toEqual({
      person: {
        ...{ userId, fullName: 'Child', birthDate: '2015-01-01', mrn: 'M', targetDevices: ['x'] },
        ...{ email: 'account@example.com', permissions: { view: {}, note: {} } },
      },
      leftOut: [],
    });
  });

  it.each([
    [undefined, ['fullName', 'birthDate']],
    [{ fullName: 'Parent' }, ['birthDate']],
    [{ patient: { birthday: '2015-01-01' } }, ['fullName']],
    [{ fullName: ' ', patient: { birthday: '02/03/1990' } }, ['fullName', 'birthDate']],
    [{ fullName: 'x'.repeat(1_100_000), patient: { birthday: '1990-02-30' } }, ['fullName', 'birthDate']],
    [{ fullName: 'Parent', patient: { birthday: '2015-01-01', fullName: 'x'.repeat(300) } }, ['fullName']],
    [{ fullName: 'Parent', patient: { birthday: '2015-01-01', email: 'n/a', mrn: 'M\nN' } }, ['mrn']],
  ])('comes without what is missing or refused in the profile %#', (profile, leftOut) => {
    const migrant = migrantOf(user, profile, {});
    expect(new Set(migrant.leftOut)).toEqual(new Set(leftOut));
    expect(migrant.person).toMatchObject({
      fullName: leftOut.includes('fullName') ? 'account@example.com' : 'Parent',
      birthDate: leftOut.includes('birthDate') ? '' : '2015-01-01',
      email: 'account@example.com',
    });
    expect(migrant.person).not.toHaveProperty('mrn');
  });

  it('is called by the user id when nothing else is known', () => {
    const { person } = migrantOf({ userId, roles: [], email: 'n/a' }, undefined, {});
    expect(person).toEqual({ userId, fullName: userId, birthDate: '', permissions: {} });
  });
});

describe('the profile of a custodial patient', () => {
  const patient = {
    ...{ _id: newObjectId(), clinicId: newObjectId(), userId: '0123456789' as UserId }, // 10 hex digits
    ...{ fullName: 'Zoë Quillen', birthDate: '1990-02-03', mrn: 'B-200', diagnosisType: 'type1' },
    ...{ permissions: { custodian: {} }, tags: [], sites: [], sortName: '', searchText: '' },
    ...{ createdTime: now, updatedTime: now },
  } satisfies PatientDocument;
  const known = {
    about: 'x',
    fullName: 'Zoe',
    patient: { about: 'y', birthday: '02/03/1990', email: 'old@example.com' },
  };

  const all = () => true;
  const only =
    (...fields: string[]) =>
    (field: string) =>
      fields.includes(field);

  it('is what the clinic tells, and holds no more what the clinic has taken away', () => {
    const profile = profileOf(patient, known, all);
    expect(profile).toEqual({
      ...{ about: 'x', fullName: 'Zoë Quillen' },
      patient: { about: 'y', birthday: '1990-02-03', mrn: 'B-200', diagnosisType: 'type1' },
    });
    const { diagnosisType: _taken, ...without } = patient;
    expect(profileOf(without, profile, only('diagnosisType')).patient).not.toHaveProperty('diagnosisType');
  });

  it('keeps what the clinic never held, and a birth date that the clinic does not know', () => {
    const bare = { ...patient, birthDate: '', fullName: patient.userId };
    expect(profileOf(bare, known, only('fullName', 'birthDate'))).toEqual(known);
    expect(profileOf(patient, known, only('mrn'))).toEqual({ ...known, patient: { ...known.patient, mrn: 'B-200' } });
  });

  it('keeps the account holder’s name when the profile has a name for the patient', () => {
    const keeper = { fullName: 'Parent', patient: { fullName: 'Child' } };
    expect(profileOf(patient, keeper, only('fullName'))).toEqual({
      fullName: 'Parent',
      patient: { fullName: 'Zoë Quillen' },
    });
  });
});
