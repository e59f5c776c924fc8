import { randomUUID } from 'node:crypto';
import { type Belonging, BELONGINGS } from '@caregate/clinic-model';
import { mongo } from 'mongoose';
import { newAccount } from '../../test/accounts.ts';
import { answered, type Harness, newClinic, startHarness } from '../../test/harness.ts';
import { type DocumentKey, packed, type Step } from './batch.ts';

const { ObjectId } = mongo;
type Id = mongo.ObjectId;

let here: Harness;
/** Somebody else's account and clinic on this shard. */
let victim: { readonly accountId: string; readonly clinicId: Id; readonly ownerId: string };
beforeAll(async () => {
  here = await startHarness();
  const account = await newAccount(here);
  const { key } = await account.newKey();
  const { id = '' } = await newClinic(here.withKey(key));
  victim = { accountId: account.accountId, clinicId: new ObjectId(id), ownerId: account.owner.userId };
});
afterAll(() => here.close());

interface Arriving {
  readonly accountId: string;
  readonly clinicId: Id;
  readonly ownerId: string;
  bring(...steps: Step[]): Promise<{ status: number; message: string | undefined }>;
}

const PATH = '/caregate/v1/accounts/{accountId}';

/** An account on its way here, with one clinic that is here already. */
async function arriving(): Promise<Arriving> {
  const [accountId, moveId, clinicId, ownerId] = [randomUUID(), randomUUID(), new ObjectId(), newUserId()];
  const params = { path: { accountId } };
  const account = {
    subdomain: `a${accountId}`,
    name: 'A',
    ownerUserId: ownerId,
    createdTime: '2026-01-01T00:00:00Z',
  };
  answered(await here.directory().PUT(`${PATH}/arrival`, { params, body: { moveId, account } }));
  const bring = async (...steps: Step[]) => {
    const batch = await packed(steps);
    const { response, error } = await here
      .directory()
      .POST(`${PATH}/arrival/batches`, { params, body: { moveId, batch } });
    return { status: response.status, message: error?.message };
  };
  const clinic = put('clinics', { _id: clinicId, accountId, shareCodes: [clinicId.toHexString()], admins: [] });
  expect(await bring(clinic)).toEqual({ status: 204, message: undefined });
  return { accountId, clinicId, ownerId, bring };
}

const newUserId = () => randomUUID().replaceAll('-', '').slice(0, 10);

const put = (collection: string, document: { _id: DocumentKey } & mongo.Document): Step => ({
  collection,
  id: document._id,
  document,
});

let count = 0;

/** A document as collections have them, of this account and clinic; what must be unique is. */
function documentOf({ collection, owner }: Belonging, of: { accountId: string; clinicId: Id }, _id?: DocumentKey) {
  count += 1;
  const textId = collection === 'patient_sheets' ? `${of.clinicId.toHexString()}:people:${count}` : `id-${count}`;
  const isText = ['patient_sheets', 'unused_accounts', 'api_keys', 'idempotency_records', 'mail_deliveries'].includes(
    collection,
  );
  const held =
    owner.holds === 'account' ? of.accountId : owner.holds === 'clinic' ? of.clinicId : of.clinicId.toHexString();
  const isClinic = collection === 'clinics_deletions';
  return {
    _id: _id ?? (isText ? textId : new ObjectId()),
    userId: `${String(count).padStart(10, '0')}`,
    secretHash: `hash ${count}`,
    shareCodes: [`code ${count}`],
    sourceId: new ObjectId(),
    [owner.field]: held,
    ...(isClinic && { clinicId: new ObjectId() }),
    mark: count,
  };
}

const contentOf = (collection: string) => here.connection.collection(collection).find().sort({ _id: 1 }).toArray();

/** All that is here, so that a test sees whatever is changed anywhere. */
async function everything() {
  const collections = [
    ...BELONGINGS.map(({ collection }) => collection),
    'users',
    'perms',
    'arrived_users',
    'accounts',
  ];
  const contents = collections
    .filter((each) => each !== 'audit_entries')
    .map(async (each) => [each, await contentOf(each)] as const);
  return Object.fromEntries(await Promise.all(contents));
}

async function isRefusedWhole(account: Arriving, ...steps: Step[]): Promise<void> {
  const before = await everything();
  const companion = BELONGINGS.find(({ collection }) => collection === 'clinicians');
  if (!companion) throw new Error('clinicians move');
  const good = put('clinicians', documentOf(companion, account));
  expect(await account.bring(good, ...steps)).toEqual({ status: 409, message: expect.any(String) });
  expect(await everything()).toEqual(before);
}

const each = BELONGINGS.map((belonging) => [belonging.collection, belonging] as const);

test.each(each)(
  'a document of %s that is the account’s own is taken, again and again',
  async (collection, belonging) => {
    const account = await arriving();
    const document = documentOf(belonging, account);
    expect((await account.bring(put(collection, document))).status).toBe(204);
    expect((await account.bring(put(collection, { ...document, mark: 'again' }))).status).toBe(204);
    const kept = await here.connection.collection(collection).findOne({ _id: document._id as never }); // an id of either kind
    expect(kept).toMatchObject({ mark: 'again' });
  },
);

test.each(each)(
  'a document of %s that belongs to another account is refused, with all that comes with it',
  async (collection, belonging) => {
    const account = await arriving();
    await isRefusedWhole(account, put(collection, documentOf(belonging, victim)));
    await isRefusedWhole(
      account,
      put(collection, documentOf(belonging, { accountId: 'nobody', clinicId: new ObjectId() })),
    );
  },
);

test.each(each)(
  'a document of %s whose owner is of another type, several, or none is refused',
  async (collection, belonging) => {
    const account = await arriving();
    const { field, holds } = belonging.owner;
    const [first = '', second] = field.split('.');
    const held = { account: account.accountId, clinic: account.clinicId, clinicText: account.clinicId.toHexString() }[
      holds
    ];
    const { [first]: _, ...without } = documentOf(belonging, account) as mongo.Document;
    const forged: unknown[] = [[held], [held, victim.accountId], { $in: [held] }, undefined];
    if (holds === 'clinic') forged.push(account.clinicId.toHexString());
    for (const owner of forged)
      await isRefusedWhole(
        account,
        put(collection, { ...without, _id: without._id, [first]: second === undefined ? owner : { [second]: owner } }),
      );
  },
);

test.each(each)(
  'a document of %s does not take the place of another account’s, whomever it says it belongs to',
  async (collection, belonging) => {
    const account = await arriving();
    const theirs = documentOf(belonging, victim);
    const own = documentOf(belonging, account, theirs._id);
    await here.connection.collection(collection).insertOne(theirs as never); // ids of either kind
    await isRefusedWhole(account, put(collection, own));
    const deletion: Step = { collection, id: theirs._id };
    const before = await everything();
    expect((await account.bring(deletion)).status).toBe(204); // ids of all accounts' deletions come along
    expect(await everything()).toEqual(before);
  },
);

test.each(each)('a document of %s under another id than its own is no batch', async (collection, belonging) => {
  const account = await arriving();
  const document = documentOf(belonging, account);
  const before = await everything();
  const other = typeof document._id === 'string' ? 'another' : new ObjectId();
  for (const id of [
    other,
    String(document._id) + ' ',
    typeof document._id === 'string' ? new ObjectId() : String(document._id),
  ])
    expect((await account.bring({ collection, id, document })).status).toBe(400);
  expect(await everything()).toEqual(before);
});

test.each(['accounts', 'account_arrivals', 'writers', 'user_events', 'reactions', 'nonsense', 'system.users', ''])(
  'nothing of %j comes with a batch',
  async (collection) => {
    const account = await arriving();
    const before = await everything();
    const step: Step = {
      collection,
      id: victim.accountId,
      document: { _id: victim.accountId, ownerUserId: 'aaaaaaaaaa' },
    };
    expect((await account.bring(step)).status).toBe(400);
    expect((await account.bring({ collection, id: victim.accountId })).status).toBe(400);
    expect(await everything()).toEqual(before);
  },
);

test.each([
  ['by a clinic of the same id', () => put('clinics', { _id: victim.clinicId, accountId: '', shareCodes: ['x'] })],
  ['by a clinic deleted long ago', () => put('clinics_deletions', { _id: new ObjectId(), clinicId: victim.clinicId })],
])('nobody becomes an admin of another account’s clinic %s', async (_how, claim) => {
  const account = await arriving();
  const step = claim();
  const document = step.document ?? {};
  const own = { ...document, _id: step.id, accountId: account.accountId };
  const clinician = { _id: new ObjectId(), clinicId: victim.clinicId, userId: 'aaaaaaaaaa', roles: ['CLINIC_ADMIN'] };
  await isRefusedWhole(account, put(step.collection, own));
  await isRefusedWhole(account, put(step.collection, own), put('clinicians', clinician));
});

test('a clinic that has left this shard is nobody else’s', async () => {
  const account = await arriving();
  const clinicId = new ObjectId();
  await here.connection.collection('accounts').insertOne({
    ...{ _id: randomUUID() as never, subdomain: randomUUID(), notice: 'n', notices: 1 },
    moved: { moveId: 'm', shard: 'uk1', accountUrl: 'https://a', apiUrl: 'https://b', keys: [], clinics: [clinicId] },
  });
  await isRefusedWhole(account, put('clinics', { _id: clinicId, accountId: account.accountId, shareCodes: ['left'] }));
});

describe('a user', () => {
  const users = () => here.connection.collection<{ _id: string }>('users');
  const perms = () => here.connection.collection<{ _id: string }>('perms');
  const createdTime = new Date('2026-01-01T00:00:00Z');
  const userStep = (_id: string, more: object = {}) =>
    put('users', { _id, roles: ['clinician'], createdTime, ...more });
  const member = ({ clinicId }: Arriving, userId: string) =>
    put('clinicians', { _id: new ObjectId(), clinicId, userId });
  const patient = ({ clinicId }: Arriving, userId: string) =>
    put('patients', { _id: new ObjectId(), clinicId, userId, permissions: { view: {}, custodian: {} } });

  const clinicOf = ({ accountId, clinicId }: Arriving, more: object) =>
    put('clinics', { _id: clinicId, accountId, shareCodes: [clinicId.toHexString()], ...more });
  const keyOf = ({ accountId }: Arriving, createdBy: string) =>
    put('api_keys', { _id: `key-of-${createdBy}`, accountId, createdBy, secretHash: createdBy });
  const named = (naming: (id: string) => Step, id = newUserId()) => ({ id, naming: [naming(id)] });

  test('whom no document of the account names does not come along, nor does their sharing', async () => {
    const account = await arriving();
    const [named, unnamed] = [newUserId(), newUserId()];
    const share = (sharerId: string) =>
      put('perms', { _id: `${sharerId}:x`, sharerId, userId: 'x', permissions: { view: {} } });
    const steps = [member(account, named), ...[named, unnamed].flatMap((id) => [userStep(id), share(id)])];
    expect((await account.bring(...steps)).status).toBe(204);
    expect(await users().countDocuments({ _id: { $in: [named, unnamed] } })).toBe(1);
    expect(await perms().countDocuments({ sharerId: { $in: [named, unnamed] } })).toBe(1);
  });

  test('who lives here stays as they are, and so does whom they share with', async () => {
    const account = await arriving();
    const [id, grantee] = [newUserId(), newUserId()];
    await users().insertOne({ _id: id, passwordHash: 'theirs', createdTime } as never);
    await perms().insertOne({
      _id: `${id}:${grantee}`,
      sharerId: id,
      userId: grantee,
      permissions: { note: {} },
    } as never);
    const before = [await users().findOne({ _id: id }), await perms().find({ sharerId: id }).toArray()];
    const share = (to: string) =>
      put('perms', { _id: `${id}:${to}`, sharerId: id, userId: to, permissions: { view: {} } });
    const steps = [member(account, id), userStep(id, { passwordHash: 'mine' }), share(grantee), share('aaaaaaaaaa')];
    expect((await account.bring(...steps)).status).toBe(204);
    expect([await users().findOne({ _id: id }), await perms().find({ sharerId: id }).toArray()]).toEqual(before);
  });

  test('shares nothing of others with anybody by an id of sharing that is not theirs', async () => {
    const account = await arriving();
    const [id, other] = [newUserId(), newUserId()];
    await perms().insertOne({ _id: `${other}:x`, sharerId: other, userId: 'x', permissions: { note: {} } } as never);
    const forged = put('perms', { _id: `${other}:x`, sharerId: id, userId: 'x', permissions: { view: {} } });
    expect((await account.bring(member(account, id), userStep(id), forged)).status).toBe(204);
    expect(
      await perms()
        .find({ _id: `${other}:x` })
        .toArray(),
    ).toMatchObject([{ sharerId: other, permissions: { note: {} } }]);
  });

  test('is no service, and brings neither a service’s secret nor what is no password hash', async () => {
    const account = await arriving();
    const id = newUserId();
    const forged = {
      ...{ roles: ['service_account', 'clinician', 7], clientId: 'service-1', clientSecretHash: 'x', planted: 1 },
      ...{ passwordHash: '$argon2id$v=19$m=99999999,t=1,p=1$x$y', email: 'A@Example.test', emailKey: 'b@example.test' },
    };
    expect((await account.bring(member(account, id), userStep(id, forged))).status).toBe(204);
    expect(await users().findOne({ _id: id })).toEqual({
      ...{ _id: id, email: 'A@Example.test', emailKey: 'a@example.test', emailVerified: false, roles: ['clinician'] },
      ...{ sessionEpoch: 0, createdTime, updatedTime: expect.any(Date) },
    });
  });

  test('who lives here does not become a patient of a clinic that knows only their id', async () => {
    const account = await arriving();
    const id = newUserId();
    await users().insertOne({ _id: id, createdTime } as never);
    await isRefusedWhole(account, patient(account, id));
    await isRefusedWhole(account, patient(account, id), userStep(id, { createdTime: new Date() }));
    const unused = put('unused_accounts', { _id: id, clinicId: account.clinicId, email: 'a@example.test' });
    await isRefusedWhole(account, unused);
    // Whom an earlier move brought is known by both shards.
    expect((await account.bring(patient(account, id), userStep(id))).status).toBe(204);
  });

  test.each([
    ['the account’s owner', ({ ownerId }: Arriving) => ({ id: ownerId, naming: [] })],
    ['its member', (account: Arriving) => named((id) => member(account, id))],
    ['an admin of its clinic', (account: Arriving) => named((id) => clinicOf(account, { admins: [id] }))],
    ['the maker of its key', (account: Arriving) => named((id) => keyOf(account, id))],
  ])('who lives here does not become %s because two people have one id', async (_whom, naming) => {
    const account = await arriving();
    const { id, naming: steps } = naming(account);
    await users().insertOne({ _id: id, createdTime: new Date('2026-01-02T00:00:00Z') } as never);
    await isRefusedWhole(account, ...steps, userStep(id));
    // Whom an earlier move brought is known by both shards.
    await users().updateOne({ _id: id }, { $set: { createdTime } });
    expect((await account.bring(...steps, userStep(id))).status).toBe(204);
    expect((await account.bring(...steps, userStep(id))).status).toBe(204);
  });
});
