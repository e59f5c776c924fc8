import { randomBytes } from 'node:crypto';
import { jest } from '@jest/globals';
import {
  ACCOUNT_AUDIT_ENTRIES,
  type AccountId,
  AUDIT_ENTRIES,
  archiveOf,
  entryId,
  newObjectId,
} from '@caregate/clinic-model';
import { type Connection, createConnection } from 'mongoose';
import { caregate } from '../caregate.ts';

const uri = new URL(process.env['MONGODB_URI'] ?? 'mongodb://127.0.0.1:27017/');
uri.pathname = `/caregate_audit_${randomBytes(6).toString('hex')}`;
let connection: Connection;
let said = '';
let complained = '';

beforeAll(async () => {
  connection = await createConnection(uri.href).asPromise();
  process.env['MONGODB_URI'] = uri.href;
});
afterAll(async () => {
  await connection.dropDatabase();
  await connection.close();
});
beforeEach(() => {
  said = complained = '';
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => Boolean((said += text)));
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => Boolean((complained += text)));
});
afterEach(() => jest.restoreAllMocks());

test('writes the entries of an account and of its clinics, deleted ones too, before a moment; and nobody else’s', async () => {
  const [clinicId, deleted, others] = [newObjectId(), newObjectId(), newObjectId()];
  await connection
    .collection<{ _id: string }>('accounts')
    .insertOne({ _id: 'a1', subdomain: 'ours' } as { _id: string });
  await connection.collection('clinics').insertMany([{ _id: clinicId, accountId: 'a1' }, { _id: others }]);
  await connection
    .collection('clinics_deletions')
    .insertOne(archiveOf({ _id: deleted, accountId: 'a1' as AccountId }, 'service')); // a made-up id
  const entry = (operationId: string, time: string, whose: object) => ({
    _id: entryId(new Date(time)),
    operationId,
    ...whose,
  });
  await connection
    .collection(AUDIT_ENTRIES)
    .insertMany([
      entry('Old', '2026-01-02T00:00:00Z', { clinicId }),
      entry('Deleted', '2026-01-01T00:00:00Z', { clinicId: deleted }),
      entry('New', '2026-03-01T00:00:00Z', { clinicId }),
      entry('Foreign', '2026-01-01T00:00:00Z', { clinicId: others }),
    ]);
  await connection
    .collection(ACCOUNT_AUDIT_ENTRIES)
    .insertMany([
      entry('SignIn', '2026-01-03T00:00:00Z', { accountId: 'a1' }),
      entry('Foreign', '2026-01-03T00:00:00Z', { accountId: 'a2' }),
    ]);
  expect(await caregate(['audit', 'export', '--account', 'ours', '--before', '2026-02-01'])).toBe(0);
  const lines = said
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.map(({ operationId }) => operationId)).toEqual(['SignIn', 'Old', 'Deleted']);
  expect(complained).toBe('audit: 3 entries of 2 clinics written\n');
  said = '';
  expect(await caregate(['audit', 'export', '--clinic', clinicId.toHexString()])).toBe(0);
  expect(said.match(/"operationId":"\w+"/g)).toEqual(['"operationId":"Old"', '"operationId":"New"']);
});

test.each([
  [['--account', 'nobody'], /there is no account nobody/],
  [[], /whose entries\?/],
  [['--clinic', 'x'], /no clinic id/],
  [['--clinic', 'a'.repeat(24), '--before', 'soon'], /no moment/],
])('%j is told what is wrong', async (options, reason) => {
  expect(await caregate(['audit', 'export', ...options])).toBe(1);
  expect(complained).toMatch(reason);
});
