import { type RolesUpdate, withRolesUpdate } from '@caregate/clinic-model';
import type { UserId } from '@caregate/identity';
import { migrantOf } from '../migrations/migration.service.ts';
import { kindOf, openRequests } from './connection-request.handler.ts';
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
    [{ fullName: 'x'.repeat(1_100_000), patient: { birthday: '2015-01-01' } }],
  ])('cannot become a patient with the profile %#', (profile) => expect(migrantOf(user, profile, {})).toBeUndefined());
});
