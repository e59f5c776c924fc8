import { eventually } from '@caregate/eventually';
import { randomUUID } from 'node:crypto';
import { reactionId } from '@caregate/change-events/reaction-records';
import { newNotice } from '@caregate/clinic-model';
import type { AccountClient } from '@caregate/contracts';
import type { UserId } from '@caregate/identity';
import { inTransaction } from '@caregate/service';
import { mongo } from 'mongoose';
import { answered, type Harness, startHarness, statusOf } from '../../test/harness.ts';
import { identityOf, LOCAL, type LocalPractice, newLocalPractice } from '../../test/local-practice.ts';
import { activateAt, bringTo, copyAll } from '../../test/moves.ts';
import { AccountDoor } from './account-door.ts';
import { packed } from './batch.ts';

/** What a move owes to those who sleep at the wrong moment, and what was said to users while it went on (docs/decisions/moves.md). */

const ACCOUNT = '/caregate/v1/accounts/{accountId}';

let au1: Harness;
let uk1: Harness;
beforeAll(async () => {
  [au1, uk1] = await Promise.all([
    startHarness({ ...LOCAL, SHARD_ID: 'au1' }),
    startHarness({ ...LOCAL, SHARD_ID: 'uk1' }),
  ]);
});
afterAll(() => Promise.all([au1?.close(), uk1?.close()]));

/** Fences of one test would keep those out of the next who may reach any account. */
afterEach(async () => {
  const fenced = await au1.models.accounts.find({ 'fence.id': { $exists: true } }).lean();
  await au1.models.accounts.updateMany(
    { 'fence.id': { $exists: true } },
    { $unset: { fence: 1 }, ...newNotice().update },
  );
  const door = au1.app.get(AccountDoor);
  await eventually(async () => fenced.every(({ _id }) => door.standingOf(_id)?.fence === undefined));
});

const newPractice = () => newLocalPractice(au1, `${randomUUID()}@owner.test`, 'correct horse battery staple');

const inPath = ({ accountId }: LocalPractice) => ({ params: { path: { accountId } } });

const fence = (directory: AccountClient, practice: LocalPractice, moveId: string, fenceId: string = randomUUID()) =>
  directory.POST(`${ACCOUNT}/departure/fence`, {
    ...inPath(practice),
    body: { moveId, fenceId, forMs: 30_000, withinMs: 5_000 },
  });

/** Brings what has changed since a place. */
async function follow(practice: LocalPractice, moveId: string, after: string): Promise<void> {
  for (let from = after, caughtUp = false; !caughtUp;) {
    const page = answered(
      await au1.directory().GET(`${ACCOUNT}/departure/changes`, {
        params: { path: { accountId: practice.accountId }, query: { after: from } },
      }),
    );
    expect(statusOf(await bringTo(uk1, practice.accountId, moveId, page.batch))).toBe(204);
    [from, caughtUp] = [page.token, page.caughtUp];
  }
}

const placeNow = async (practice: LocalPractice, moveId: string) =>
  answered(await au1.directory().POST(`${ACCOUNT}/departure`, { ...inPath(practice), body: { moveId } })).token;

test('a write that was let in before the fence and sleeps until after it comes to nothing', async () => {
  const { accountId, clinicId } = await newPractice();
  const door = au1.app.get(AccountDoor);
  const awake = Promise.withResolvers<void>();
  const clinics = au1.models.clinics.collection;
  const late = door.write(accountId, async () => {
    await awake.promise;
    return inTransaction(au1.connection, (session) =>
      clinics.updateOne(
        { _id: au1.models.clinics.base.Types.ObjectId.createFromHexString(clinicId) },
        { $set: { name: 'Late' } },
        { session },
      ),
    );
  });
  const outcome = expect(late).rejects.toMatchObject({ name: 'DoorClosed' });
  // As it is once the copy was taken for dead: nobody waited for it.
  await au1.connection
    .collection<{ _id: string }>('accounts')
    .updateOne(
      { _id: accountId },
      { $set: { fence: { id: 'f', moveId: 'm', drained: true, until: new Date(Date.now() + 60_000) } } },
    );
  awake.resolve();
  await outcome;
  const clinic = await clinics.findOne({ accountId });
  expect(clinic?.['name']).not.toBe('Late');
});

describe('of two that take themselves for the mover', () => {
  test.each<
    [
      string,
      string,
      (directory: AccountClient, practice: LocalPractice, moveId: string) => Promise<{ response: Response }>,
    ]
  >([
    ['fences', 'au1', (directory, practice, moveId) => fence(directory, practice, moveId)],
    [
      'seals',
      'au1',
      (directory, practice, moveId) =>
        directory.POST(`${ACCOUNT}/departure/seal`, { ...inPath(practice), body: { moveId, fenceId: 'of-the-move' } }),
    ],
    [
      'lifts the fence',
      'au1',
      (directory, { accountId }, moveId) =>
        directory.DELETE(`${ACCOUNT}/departure`, { params: { path: { accountId }, query: { moveId } } }),
    ],
    [
      'brings an old page',
      'uk1',
      (directory, practice, moveId) =>
        packed([]).then((batch) =>
          directory.POST(`${ACCOUNT}/arrival/batches`, { ...inPath(practice), body: { moveId, batch } }),
        ),
    ],
    [
      'activates',
      'uk1',
      (directory, practice, moveId) =>
        directory.POST(`${ACCOUNT}/arrival/activation`, { ...inPath(practice), body: { moveId } }),
    ],
    [
      'gives up what was brought',
      'uk1',
      (directory, { accountId }, moveId) =>
        directory.DELETE(`${ACCOUNT}/arrival`, { params: { path: { accountId }, query: { moveId } } }),
    ],
  ])('the earlier one is refused when it %s at %s', async (_what, at, step) => {
    const practice = await newPractice();
    const moveId = randomUUID();
    await copyAll({ from: au1, to: uk1 }, practice.accountId, moveId);
    expect(statusOf(await fence(au1.directory(), practice, moveId, 'of-the-move'))).toBe(204);
    for (const shard of [au1, uk1])
      expect(
        statusOf(await shard.directory('', 2).POST(`${ACCOUNT}/move-claim`, { ...inPath(practice), body: { moveId } })),
      ).toBe(204);
    const asked = at === 'uk1' ? uk1 : au1;
    expect(statusOf(await step(asked.directory(), practice, moveId))).toBe(409);
    expect(await au1.models.accounts.findById(practice.accountId).lean()).toMatchObject({
      fence: { id: 'of-the-move' },
    });
    expect(await uk1.models.patients.countDocuments({ userId: practice.patientId })).toBe(1);
    expect(statusOf(await step(asked.directory('', 2), practice, moveId))).toBeLessThan(300);
  });

  test('the earlier one cannot claim the move back', async () => {
    const practice = await newPractice();
    const moveId = randomUUID();
    const claim = (n: number) =>
      au1.directory('', n).POST(`${ACCOUNT}/move-claim`, { ...inPath(practice), body: { moveId } });
    expect([statusOf(await claim(3)), statusOf(await claim(2)), statusOf(await claim(3))]).toEqual([204, 409, 204]);
  });
});

test('who is deleted while an account is copied is deleted where it goes, with what they shared and what was shared with them', async () => {
  const practice = await newPractice();
  const { patientId, accountId } = practice;
  const moveId = randomUUID();
  const friend = 'abcdef0123' as UserId; // in the form of one
  await identityOf(au1).setSharing(patientId, friend, { view: {} });
  await copyAll({ from: au1, to: uk1 }, accountId, moveId);
  const there = () =>
    Promise.all([
      uk1.connection.collection<{ _id: string }>('users').countDocuments({ _id: patientId }),
      uk1.connection.collection('perms').countDocuments({ $or: [{ sharerId: patientId }, { userId: patientId }] }),
    ]);
  expect(await there()).toEqual([1, 1]);
  const place = await placeNow(practice, moveId);
  await identityOf(au1).deleteUser(patientId);
  await follow(practice, moveId, place);
  expect(await there()).toEqual([0, 0]);
});

test('what a user shares, or stops sharing, while an account is copied follows to the other shard; sharing of users of that shard stays', async () => {
  const practice = await newPractice();
  const { patientId, accountId } = practice;
  const moveId = randomUUID();
  const [ended, begun] = ['abcdef0124', 'abcdef0125'] as UserId[]; // in the form of users
  if (!ended || !begun) throw new Error('there are two');
  await identityOf(au1).setSharing(patientId, ended, { view: {} });
  await copyAll({ from: au1, to: uk1 }, accountId, moveId);
  const livesThere = { _id: 'ffffffffff:abcdef0124', sharerId: 'ffffffffff', userId: ended, permissions: { view: {} } };
  for (const shard of [au1, uk1])
    await shard.connection.collection<{ _id: string }>('perms').insertOne({ ...livesThere });
  const place = await placeNow(practice, moveId);
  await identityOf(au1).setSharing(patientId, ended, {});
  await identityOf(au1).setSharing(patientId, begun, { note: {} });
  await identityOf(au1).setSharing('ffffffffff' as UserId, ended, {}); // in the form of one
  await follow(practice, moveId, place);
  const shared = await uk1.connection
    .collection('perms')
    .find({ sharerId: { $in: [patientId, 'ffffffffff'] } })
    .toArray();
  expect(shared.sort((a, b) => String(a._id).localeCompare(String(b._id)))).toEqual(
    [{ _id: `${patientId}:${begun}`, sharerId: patientId, userId: begun, permissions: { note: {} } }, livesThere].sort(
      (a, b) => a._id.localeCompare(b._id),
    ),
  );
});

test('an account is not fenced while users who were deleted have records in it: where it goes nobody would remove them', async () => {
  const practice = await newPractice();
  const { patientId, accountId } = practice;
  const moveId = randomUUID();
  await identityOf(au1).deleteUser(patientId);
  const refused = await fence(au1.directory(), practice, moveId);
  expect([statusOf(refused), refused.error?.message]).toEqual([503, expect.stringContaining('clinic worker')]);
  const door = au1.app.get(AccountDoor);
  await eventually(async () => door.standingOf(accountId)?.fence === undefined);
  await au1.models.patients.deleteMany({ userId: patientId }); // as the worker does
  expect(statusOf(await fence(au1.directory(), practice, moveId))).toBe(204);
});

test('an account is not fenced while a new email has not reached the records of its user', async () => {
  const practice = await newPractice();
  const { patientId } = practice;
  const moveId = randomUUID();
  const { connection } = au1;
  const worker = { _id: 'worker' };
  const begun = { $set: { startAt: new mongo.Timestamp({ t: Math.floor(Date.now() / 1_000) - 60, i: 1 }) } };
  const beginnings = connection.collection<{ _id: string }>('change_event_beginnings');
  await beginnings.updateOne(worker, begun, { upsert: true }); // as gatekeeper-sync does
  await identityOf(au1).updateUser(patientId, { email: `${randomUUID()}@patient.test` });
  const refused = await fence(au1.directory(), practice, moveId);
  expect([statusOf(refused), refused.error?.message]).toEqual([503, expect.stringContaining('new email')]);
  const changed = await connection
    .collection<{ event: { id: string; source: string } }>('user_events')
    .findOne({ 'event.subject': patientId, 'event.type': 'users:update' });
  if (!changed) throw new Error('the change is noted');
  const { event } = changed;
  const _id = reactionId('update_user_email', { id: `${event.source}#${event.id}`, key: patientId });
  await connection.collection<{ _id: string }>('reactions').insertOne({ _id }); // as the worker does
  await eventually(async () => statusOf(await fence(au1.directory(), practice, moveId)) === 204);
  await beginnings.deleteOne(worker);
});

test('an account is not fenced while patients carry a tag that was deleted', async () => {
  const practice = await newPractice();
  const { patientId, clinicId } = practice;
  const moveId = randomUUID();
  const { models } = au1;
  const [tag, kept] = [new mongo.ObjectId(), new mongo.ObjectId()];
  const patientTags = [{ _id: kept, name: 'Kept' }];
  await models.clinics.updateOne({ _id: clinicId }, { patientTags, lastDeletedPatientTag: { _id: tag, name: 'Gone' } });
  await models.patients.updateOne({ userId: patientId }, { tags: [tag, kept] });
  const refused = await fence(au1.directory(), practice, moveId);
  expect([statusOf(refused), refused.error?.message]).toEqual([503, expect.stringContaining('tag')]);
  await models.patients.updateOne({ userId: patientId }, { $pull: { tags: tag } }); // as the worker does
  await eventually(async () => statusOf(await fence(au1.directory(), practice, moveId)) === 204);
});

test('a user of whom a shard has only a copy is not deleted there: 503 while they are on the way, 404 once they have left', async () => {
  const practice = await newPractice();
  const { patientId, accountId } = practice;
  const [moveId, fenceId] = [randomUUID(), randomUUID()];
  const deletedAt = async (shard: Harness) => {
    const token = await identityOf(shard).serviceToken('records');
    return (await shard.send(`/caregate/v1/users/${patientId}`, { method: 'DELETE', token })).status;
  };
  await copyAll({ from: au1, to: uk1 }, accountId, moveId);
  expect(await deletedAt(uk1)).toBe(503);
  expect(statusOf(await fence(au1.directory(), practice, moveId, fenceId))).toBe(204);
  expect(await deletedAt(au1)).toBe(503);
  const at = { params: { path: { accountId } } };
  answered(await au1.directory().POST(`${ACCOUNT}/departure/seal`, { ...at, body: { moveId, fenceId } }));
  await activateAt(uk1, accountId, moveId);
  const there = { shard: 'uk1', accountUrl: 'https://a.uk1.test', apiUrl: 'https://api.uk1.test' };
  answered(await au1.directory().POST(`${ACCOUNT}/departure/completion`, { ...at, body: { moveId, ...there } }));
  expect(await deletedAt(au1)).toBe(404);
  expect(await deletedAt(uk1)).toBe(204);
});
