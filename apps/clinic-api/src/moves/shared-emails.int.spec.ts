import { randomUUID } from 'node:crypto';
import { hashPassword } from '@caregate/identity';
import { answered, type Harness, startHarness, statusOf } from '../../test/harness.ts';
import {
  as,
  confirm,
  identityOf,
  LOCAL,
  type LocalPractice,
  newLocalPractice,
  signIn,
} from '../../test/local-practice.ts';
import { activateAt, copyAll } from '../../test/moves.ts';

/** One address in two regions: an account moves to where another user has it. */

const ACCOUNT = '/caregate/v1/accounts/{accountId}';
const CLINIC = '/v1/clinics/{clinicId}';

let au1: Harness;
let uk1: Harness;
beforeAll(async () => {
  [au1, uk1] = await Promise.all([
    startHarness({ ...LOCAL, SHARD_ID: 'au1' }),
    startHarness({ ...LOCAL, SHARD_ID: 'uk1' }),
  ]);
});
afterAll(() => Promise.all([au1?.close(), uk1?.close()]));

async function move({ accountId }: LocalPractice): Promise<void> {
  const moveId = randomUUID();
  await copyAll({ from: au1, to: uk1 }, accountId, moveId);
  await activateAt(uk1, accountId, moveId);
  await activateAt(uk1, accountId, moveId);
}

const [OF_AU1, OF_UK1] = ['the one of au1', 'the one of uk1'];

async function bothHere() {
  const email = `${randomUUID()}@example.test`;
  const arriving = await newLocalPractice(au1, email, OF_AU1);
  const living = await newLocalPractice(uk1, email.toUpperCase(), OF_UK1);
  await move(arriving);
  return { email, arriving, living };
}

test('each signs in with their own password, and reaches what is theirs and nothing of the other', async () => {
  const { email, arriving, living } = await bothHere();
  for (const [password, own, others] of [
    [OF_AU1, arriving, living],
    [OF_UK1, living, arriving],
  ] as const) {
    const { userId, token } = answered(await signIn(uk1, email, password));
    expect(userId).toBe(own.ownerId);
    const status = async ({ clinicId, patientId }: LocalPractice) =>
      statusOf(
        await as(uk1, token).GET(`${CLINIC}/patients/{patientId}`, { params: { path: { clinicId, patientId } } }),
      );
    expect([await status(own), await status(others)]).toEqual([200, 403]);
    const found = await uk1.send('/v1/patients', { token });
    expect(JSON.stringify(found.body)).toContain(own.patientId);
    expect(JSON.stringify(found.body)).not.toContain(others.patientId);
    const keys = (accountId: string) =>
      uk1.account({ token }).GET(`${ACCOUNT}/api_keys`, { params: { path: { accountId } } });
    expect(statusOf(await keys(own.accountId))).toBe(200);
    expect([403, 404]).toContain(statusOf(await keys(others.accountId)));
  }
  expect(statusOf(await signIn(uk1, email, 'of neither'))).toBe(401);
});

test('who lived there keeps the email, and invitations to it are theirs alone', async () => {
  const { email, arriving, living } = await bothHere();
  const identity = identityOf(uk1);
  expect(await identity.findUser(email)).toMatchObject({ userId: living.ownerId, emailVerified: true });
  expect(await identity.findUser(arriving.ownerId)).toMatchObject({ email, emailVerified: false });
  const inviter = `${randomUUID()}@example.test`;
  const inviting = await newLocalPractice(uk1, inviter, OF_UK1);
  const admin = as(uk1, answered(await signIn(uk1, inviter, OF_UK1)).token);
  const params = { path: { clinicId: inviting.clinicId } };
  const body = { email, roles: ['CLINIC_MEMBER' as const] };
  const { inviteId = '' } = answered(await admin.POST(`${CLINIC}/invites/clinicians`, { params, body }));
  const invites = async (password: string) => {
    const { userId, token } = answered(await signIn(uk1, email, password));
    const path = `/v1/clinicians/${userId}/invites`;
    const list = JSON.stringify((await uk1.send(path, { token })).body);
    return { list, accept: () => uk1.send(`${path}/${inviteId}`, { method: 'PUT', token }) };
  };
  const [ofArrived, ofHolder] = [await invites(OF_AU1), await invites(OF_UK1)];
  expect([ofArrived.list.includes(inviteId), ofHolder.list.includes(inviteId)]).toEqual([false, true]);
  expect([401, 403, 404]).toContain((await ofArrived.accept()).status);
  expect((await ofHolder.accept()).status).toBe(200);
});

test('a sign-up with the address makes nobody the owner by the password of the other', async () => {
  const { email, living } = await bothHere();
  const accountId = randomUUID();
  const params = { path: { accountId } };
  const owner = { email, fullName: 'N', passwordHash: await hashPassword('typed at the sign-up') };
  const body = { subdomain: `s-${accountId}`, name: 'Third', owner };
  answered(await uk1.directory().PUT(ACCOUNT, { params, body }));
  for (const password of [OF_AU1, 'typed at the sign-up']) expect(await confirm(uk1, accountId, password)).toBe(401);
  expect(await confirm(uk1, accountId, OF_UK1)).toBe(200);
  expect(answered(await uk1.directory().GET(ACCOUNT, { params })).ownerUserId).toBe(living.ownerId);
});

test('a patient of somebody else with the address of one who arrives blocks no move, and each keeps their records', async () => {
  const [shared, other] = [`${randomUUID()}@example.test`, () => `${randomUUID()}@example.test`];
  const arriving = await newLocalPractice(au1, shared, OF_AU1, other());
  const living = await newLocalPractice(uk1, other(), OF_UK1, shared);
  const before = await uk1.connection.collection('users').findOne({ _id: living.patientId as never }); // ids are texts
  await move(arriving);
  expect(answered(await signIn(uk1, shared, OF_AU1)).userId).toBe(arriving.ownerId);
  expect(await uk1.connection.collection('users').findOne({ _id: living.patientId as never })).toEqual(before);
  const { token } = answered(await signIn(uk1, shared, OF_AU1));
  const record = await uk1.send(`/v1/patients/${living.patientId}/clinics`, { token });
  expect(record.status).toBe(403);
});

test('it is told once of each who arrived so, and of nobody else', async () => {
  const { arriving, living } = await bothHere();
  const alone = await newLocalPractice(au1, `${randomUUID()}@example.test`, OF_AU1);
  await move(alone);
  const told = async (userId: string) =>
    uk1.connection.collection('user_events').countDocuments({
      'event.type': 'users:email_shared',
      'event.subject': userId,
    });
  expect(await told(arriving.ownerId)).toBe(1);
  for (const { ownerId, patientId } of [living, alone, arriving])
    expect([await told(patientId), ownerId === arriving.ownerId ? 0 : await told(ownerId)]).toEqual([0, 0]);
});
