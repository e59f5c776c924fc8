import type { ChangedClinic, ChangedClinician, ChangedPatient, ChangeEvent } from '@caregate/change-events';
import type { UserId } from '@caregate/identity';
import { Types } from 'mongoose';
import { migrantOf } from '../migrations/migration.service.ts';
import { kindOf, openRequests } from './connection-request.handler.ts';
import { deletedTags } from './deleted-tag.handler.ts';
import { newRolesUpdates } from './new-roles-updates.ts';

const now = new Date('2026-01-02T00:00:00Z');
const ago = (hours: number) => new Date(now.getTime() - hours * 3_600_000);

/** An event of which a test says only what matters. */
const event = <T>(fields: Partial<Record<keyof ChangeEvent, unknown>>) =>
  ({ operationType: 'update', clusterTime: { time: now, ordinal: 1 }, ...fields }) as unknown as ChangeEvent<T>; // the rest is not looked at

describe('changes of roles', () => {
  const update = (hours: number) => ({ roles: ['CLINIC_ADMIN'], updatedBy: 'someone', time: ago(hours) });
  const indexes = (fields: Parameters<typeof event>[0]) =>
    newRolesUpdates(event<ChangedClinician>(fields)).map(({ index }) => index);

  it('are those that the list has more than before', () => {
    const fullDocument = { rolesUpdates: [update(9), update(1), update(0)] };
    expect(indexes({ fullDocument, fullDocumentBeforeChange: { rolesUpdates: [update(9)] } })).toEqual([1, 2]);
    expect(indexes({ fullDocument, fullDocumentBeforeChange: {} })).toEqual([0, 1, 2]);
    expect(indexes({ fullDocument, fullDocumentBeforeChange: fullDocument })).toEqual([]);
  });

  it('are only a recent last one where it is not known what was before', () => {
    expect(indexes({ fullDocument: { rolesUpdates: [update(0.5), update(0)] } })).toEqual([1]);
    expect(indexes({ fullDocument: { rolesUpdates: [update(9)] } })).toEqual([]);
    expect(indexes({})).toEqual([]);
  });
});

describe('requests to connect', () => {
  const request = (providerName: string, days: number) => ({ providerName, createdTime: ago(days * 24) });
  const patient = (connectionRequests: ChangedPatient['connectionRequests']) =>
    ({ connectionRequests }) as ChangedPatient; // no more is looked at

  it('are the newest for each provider that we can ask to connect, for 30 days', () => {
    const requests = {
      dexcom: [request('dexcom', 3), request('dexcom', 1)],
      twiist: [request('twiist', 31)],
      other: [request('other', 1)],
    };
    expect(openRequests(patient(requests), now)).toEqual([['dexcom', request('dexcom', 1)]]);
    expect(openRequests(patient(undefined), now)).toEqual([]);
    expect(openRequests(patient({ dexcom: [] }), now)).toEqual([]);
  });

  it('ask for what the patient has to do', () => {
    expect(kindOf('dexcom', { permissions: { view: {} } })).toBe('connect');
    expect(kindOf('dexcom', { permissions: { custodian: {} } })).toBe('connect_custodial');
    expect(kindOf('dexcom', { permissions: {} }, [{ providerName: 'dexcom', state: 'error' }])).toBe('reconnect');
    expect(kindOf('dexcom', { permissions: {} }, [{ providerName: 'twiist', state: 'error' }])).toBe('connect');
  });
});

it('deleted tags are those that the clinic had and has no longer', () => {
  const [one, two] = [new Types.ObjectId(), new Types.ObjectId()];
  const tags = (...ids: Types.ObjectId[]) => ({ patientTags: ids.map((_id) => ({ _id, name: 'x' })) });
  const deleted = (before: object | undefined, after: object) =>
    deletedTags(event<ChangedClinic>({ fullDocument: after, fullDocumentBeforeChange: before }));
  expect(deleted(tags(one, two), tags(two))).toEqual([one]);
  expect(deleted(tags(one), tags(one, two))).toEqual([]);
  expect(deleted(undefined, tags(one))).toEqual([]);
});

describe('somebody who migrates', () => {
  const user = { userId: '0123456789' as UserId, email: 'Account@Example.com', roles: [] }; // 10 hex digits

  it('is known by the patient’s part of the profile, then by that of whoever keeps the account', () => {
    const profile = {
      fullName: 'Parent',
      patient: { fullName: 'Child', birthday: '2015-01-01', mrn: 'M', targetDevices: ['x'] },
    };
    expect(migrantOf(user, profile, { view: {}, note: {}, unheard: {} })).toEqual({
      ...{ userId: user.userId, fullName: 'Child', birthDate: '2015-01-01', mrn: 'M', targetDevices: ['x'] },
      ...{ email: 'account@example.com', permissions: { view: {}, note: {} } },
    });
  });

  it.each([
    [undefined],
    [{ fullName: 'No Birthday' }],
    [{ patient: { birthday: '2015-01-01' } }],
    [{ fullName: '', patient: { birthday: '2015-01-01' } }],
  ])('cannot become a patient with the profile %j', (profile) => expect(migrantOf(user, profile, {})).toBeUndefined());
});
