import type { Caller } from '@caregate/access';
import { entryId, lowestEntryId } from '@caregate/clinic-model';
import { entryOf, subjectMade, subjectOf } from './audit-entry.ts';

const clinicId = '0123456789abcdef01234567';
const texts = (subject: ReturnType<typeof subjectOf>) => JSON.parse(JSON.stringify(subject));

test.each([
  [
    '/v1/clinics/{clinicId}/patients/{patientId}',
    { clinicId, patientId: 'b000000001' },
    { clinicId, patientId: 'b000000001' },
  ],
  ['/v1/patients/{userId}/data_sources', { userId: 'b000000001' }, { patientId: 'b000000001' }],
  ['/confirm/send/invite/{userId}/clinic', { userId: 'b000000001' }, { patientId: 'b000000001' }],
  [
    '/v1/clinicians/{userId}/invites/{inviteId}',
    { userId: 'a000000001', inviteId: 'k' },
    { clinicianId: 'a000000001', record: 'k' },
  ],
  ['/v1/users/{userId}/clinics', { userId: 'a000000001' }, { patientId: 'a000000001', clinicianId: 'a000000001' }],
  [
    '/v1/clinics/{clinicId}/migrations/{userId}',
    { clinicId, userId: 'c000000001' },
    { clinicId, clinicianId: 'c000000001' },
  ],
  ['/v1/clinics/{clinicId}/sites/{siteId}', { clinicId, siteId: 's' }, { clinicId, record: 's' }],
  ['/v1/summaries/{summaryId}/clinics', { summaryId: 's' }, { record: 's' }],
  ['/v1/patients', {}, {}],
])('%s names what it is about', (path, params, subject) => {
  expect(texts(subjectOf(path, params))).toEqual(subject);
});

test('what a refused request has in the place of an id is not kept', () => {
  const params = {
    clinicId: 'no clinic',
    patientId: 'Pat Doe',
    clinicianId: 'x'.repeat(300),
    inviteId: 'pat@example.test',
  };
  expect(subjectOf('/v1/clinics/{clinicId}/invites/clinicians/{inviteId}', params)).toEqual({});
});

test.each([
  ['CreateClinic', { id: clinicId }, { clinicId }],
  ['CreatePatientAccount', { id: 'b000000001', fullName: 'Pat' }, { patientId: 'b000000001' }],
  ['InviteClinician', { inviteId: 'k', email: 'x' }, { record: 'k' }],
  ['CreateClinician', { id: 'a000000001' }, { clinicianId: 'a000000001' }],
  ['UpdatePatient', { id: 'b000000001' }, {}],
  ['UpdateTier', undefined, {}],
])('the answer of %s names what was made', (operationId, answer, subject) => {
  expect(texts(subjectMade(operationId, answer))).toEqual(subject);
});

test('a caller is a kind and an id', () => {
  const operation = {
    operationId: 'UpdateTier',
    method: 'POST',
    path: '/v1/clinics/{clinicId}/tier',
    successStatus: 200,
  };
  const by = (caller: Caller) =>
    entryOf({ caller, params: { clinicId }, ip: '203.0.113.7', id: 'r' }, operation, new Date())?.caller;
  expect(by({ kind: 'service', name: 'ops' })).toEqual({ kind: 'service', id: 'ops' });
  expect(by({ kind: 'directory', operationId: 'GetAccount', accountId: 'an-account' })).toEqual({
    kind: 'directory',
    id: 'directory',
  });
  expect(by({ kind: 'nobody' })).toBeUndefined();
});

test('ids order entries by the millisecond', () => {
  const at = (time: string) => entryId(new Date(time)).toHexString();
  const ids = [
    at('2026-11-24T12:00:00.009Z'),
    at('2026-11-24T12:00:00.010Z'),
    at('2026-11-24T12:00:00.999Z'),
    at('2026-11-24T12:00:01.000Z'),
  ];
  expect(ids.toSorted()).toEqual(ids);
  expect(new Set(ids.concat(at('2026-11-24T12:00:01.000Z'))).size).toBe(5);
  const lowest = lowestEntryId(new Date('2026-11-24T12:00:00.010Z')).toHexString();
  expect(ids.filter((id) => id >= lowest)).toEqual(ids.slice(1));
});

test.each(['0001-01-01T00:00:00Z', '1969-12-31T23:59:59.5Z', '9999-12-31T23:59:59Z'])(
  '%s, which no id can tell, is before or after all',
  (time) => {
    const lowest = lowestEntryId(new Date(time)).toHexString();
    const now = entryId(new Date('2026-11-24T12:00:00Z')).toHexString();
    expect(lowest < now).toBe(time < '2');
  },
);

test('in the account’s list a step of a move names the move, as the directory may ask for it twice', () => {
  const accountId = '3f1c9d52-7f0e-4c1e-9a52-6a1d6f8f0b11';
  const operation = {
    operationId: 'ActivateArrival',
    method: 'POST',
    path: '/caregate/v1/accounts/{accountId}/arrival/activation',
    successStatus: 204,
  };
  const caller = { kind: 'directory', operationId: 'ActivateArrival', accountId, moveId: 'm-1' } as Caller; // ids as the edge parses them
  const entry = entryOf({ caller, params: { accountId }, ip: '203.0.113.7', id: 'r' }, operation, new Date());
  expect(entry).toMatchObject({ accountId, record: 'm-1' });
});
