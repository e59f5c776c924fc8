import type { Connection } from 'mongoose';
import { mongo } from 'mongoose';
import { Tenants } from './tenants.ts';

const [ours, alone] = [new mongo.ObjectId(), new mongo.ObjectId()];
const connection = {
  collection: () => ({
    findOne: async ({ _id }: { _id: mongo.ObjectId }) => (_id.equals(ours) ? { accountId: 'account' } : {}),
  }),
} as unknown as Connection; // no more of it is used

test.each([
  ['a patient of a clinic', { ns: { coll: 'patients' }, fullDocument: { clinicId: ours } }, 'p', 'account'],
  ['a clinic', { ns: { coll: 'clinics' } }, ours.toHexString(), 'account'],
  ['what was deleted', { ns: { coll: 'patients' }, fullDocumentBeforeChange: { clinicId: ours } }, 'p', 'account'],
  ['a clinic of no account', { ns: { coll: 'clinics' } }, alone.toHexString(), alone.toHexString()],
  ['a user', { type: 'deleted', userId: 'x' }, 'x', ''],
  ['nothing that is known', 'text', 'x', ''],
])('an event about %s takes the turn of its account', async (_what, data, key, tenant) =>
  expect(await new Tenants(connection).ofEvent({ key, data })).toBe(tenant),
);
