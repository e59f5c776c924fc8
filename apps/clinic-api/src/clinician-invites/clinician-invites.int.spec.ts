import { eventually } from '@caregate/eventually';
import { Types } from 'mongoose';
import { newAccount } from '../../test/accounts.ts';
import { answered, type Harness, newClinic, startHarness, statusOf, type TestUser } from '../../test/harness.ts';
import { newUserId } from '../../test/identity-server.ts';

const INVITES = '/v1/clinics/{clinicId}/invites/clinicians';
const INVITE = '/v1/clinics/{clinicId}/invites/clinicians/{inviteId}';
const INVITED = '/v1/clinics/{clinicId}/invites/clinicians/{inviteId}/clinician';
const MINE = '/v1/clinicians/{userId}/invites';
const MY_INVITE = '/v1/clinicians/{userId}/invites/{inviteId}';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(() => harness.close());

async function clinicWithInvite(invited: Partial<TestUser> = {}) {
  const admin = harness.newUser({ profile: { fullName: 'Dana Admin' } });
  const mia = harness.newUser({ profile: { fullName: 'Mia Member' }, ...invited });
  const { id: clinicId } = await newClinic(admin.api);
  const body = { email: (mia.email ?? '').toUpperCase(), roles: ['CLINIC_MEMBER' as const] };
  const clinician = answered(await admin.api.POST(INVITES, { params: { path: { clinicId } }, body }));
  return { admin, mia, clinicId, inviteId: clinician.inviteId ?? '', clinician };
}

type Person = Awaited<ReturnType<typeof clinicWithInvite>>['mia'];

const answering = ({ userId }: Person, inviteId: string, secret?: string) => ({
  params: {
    path: { userId, inviteId },
    ...(secret !== undefined && { header: { 'x-caregate-invite-secret': secret } }),
  },
});
const accept = (by: Person, inviteId: string, secret?: string) =>
  by.api.PUT(MY_INVITE, answering(by, inviteId, secret));
const dismiss = (by: Person, inviteId: string, secret?: string) =>
  by.api.DELETE(MY_INVITE, answering(by, inviteId, secret));
const secretOf = (inviteId: string) => harness.mailedSecrets.secretOf('clinician invite', inviteId) ?? '';
const restrict = async (clinicId: string, restrictions: { emailDomain: string; requiredIdp?: string }[]) =>
  answered(
    await harness.asService().PUT('/v1/clinics/{clinicId}/membership_restrictions', {
      params: { path: { clinicId } },
      body: { restrictions },
    }),
  );

test('an invite is seen by the clinic and by who has the email, and makes them a member', async () => {
  const { admin, mia, clinicId, inviteId, clinician } = await clinicWithInvite();
  expect(clinician).toEqual({
    inviteId: expect.stringMatching(/^[0-9a-f]{32}$/),
    email: mia.email,
    roles: ['CLINIC_MEMBER'],
    createdTime: expect.any(String),
    updatedTime: expect.any(String),
  });
  const path = { clinicId, inviteId };
  const invite = answered(await admin.api.GET(INVITE, { params: { path } }));
  expect(invite).toEqual({
    key: inviteId,
    type: 'clinician_invitation',
    status: 'pending',
    email: mia.email,
    clinicId,
    creatorId: admin.userId,
    creator: { userid: admin.userId, profile: { fullName: 'Dana Admin', patient: {} } },
    created: expect.any(String),
    modified: expect.any(String),
    restrictions: { canAccept: true },
  });
  expect(answered(await mia.api.GET(MINE, { params: { path: { userId: mia.userId } } }))).toEqual([invite]);
  expect(answered(await accept(mia, inviteId))).toMatchObject({ id: mia.userId, name: 'Mia Member', email: mia.email });
  expect(answered(await mia.api.GET(MINE, { params: { path: { userId: mia.userId } } }))).toEqual([]);
  expect(statusOf(await admin.api.GET(INVITE, { params: { path } }))).toBe(404);
  expect(statusOf(await mia.api.GET('/v1/clinics/{clinicId}/clinicians', { params: { path: { clinicId } } }))).toBe(
    200,
  );
});

test('of many answers at once, one counts', async () => {
  const { mia, clinicId, inviteId } = await clinicWithInvite();
  const path = { clinicId, inviteId };
  const associate = () => harness.asService().PATCH(INVITED, { params: { path }, body: { userId: mia.userId } });
  const answers = await Promise.all([accept(mia, inviteId), accept(mia, inviteId), associate(), associate()]);
  expect(answers.map(statusOf).sort()).toEqual([200, 404, 404, 404]);
  expect(await harness.models.clinicians.countDocuments({ userId: mia.userId })).toBe(1);
});

test('of accepting and taking back at once, one happens', async () => {
  for (let round = 0; round < 5; round++) {
    const { admin, mia, clinicId, inviteId } = await clinicWithInvite();
    const [accepted, takenBack] = await Promise.all([
      accept(mia, inviteId),
      admin.api.DELETE(INVITE, { params: { path: { clinicId, inviteId } } }),
    ]);
    expect([statusOf(accepted), statusOf(takenBack)].sort()).toEqual([200, 404]);
    expect(await harness.models.clinicians.countDocuments({ userId: mia.userId })).toBe(
      statusOf(accepted) === 200 ? 1 : 0,
    );
  }
});

test('one email has one open invite of a clinic, however many ask at once', async () => {
  const { admin, clinicId, mia } = await clinicWithInvite();
  const invite = (email = '') =>
    admin.api.POST(INVITES, { params: { path: { clinicId } }, body: { email, roles: ['CLINIC_MEMBER'] } });
  expect(statusOf(await invite(mia.email))).toBe(409);
  const answers = await Promise.all([1, 2, 3].map(() => invite('new@example.test')));
  expect(answers.map(statusOf).sort()).toEqual([200, 409, 409]);
});

test('an invite is nobody else’s', async () => {
  const { inviteId, mia } = await clinicWithInvite();
  const eve = harness.newUser();
  expect(statusOf(await accept(eve, inviteId))).toBe(404);
  expect(statusOf(await eve.api.DELETE(MY_INVITE, { params: { path: { userId: eve.userId, inviteId } } }))).toBe(404);
  expect(statusOf(await eve.api.PUT(MY_INVITE, { params: { path: { userId: mia.userId, inviteId } } }))).toBe(403);
  answered(await accept(mia, inviteId));
});

test('who has an unverified email and the id of an invite has to have the link of the mail too', async () => {
  const { admin, mia, clinicId, inviteId } = await clinicWithInvite({ emailVerified: false });
  expect(answered(await mia.api.GET(MINE, { params: { path: { userId: mia.userId } } }))).toEqual([]);
  const other = await clinicWithInvite();
  const wrong = [undefined, inviteId, 'x', secretOf(other.inviteId)];
  for (const secret of wrong) {
    expect(statusOf(await accept(mia, inviteId, secret))).toBe(403);
    expect(statusOf(await dismiss(mia, inviteId, secret))).toBe(403);
  }
  const { error } = await accept(mia, inviteId);
  expect(error?.message).toMatch(/open the link in the mail/);
  answered(await accept(mia, inviteId, secretOf(inviteId)));
  expect(statusOf(await accept(mia, inviteId, secretOf(inviteId)))).toBe(404);
  const path = { clinicId, clinicianId: mia.userId };
  expect(statusOf(await admin.api.GET('/v1/clinics/{clinicId}/clinicians/{clinicianId}', { params: { path } }))).toBe(
    200,
  );
});

test('an identity service that says nothing of the email has not verified it', async () => {
  const { mia, inviteId } = await clinicWithInvite({ emailVerified: undefined });
  expect(answered(await mia.api.GET(MINE, { params: { path: { userId: mia.userId } } }))).toEqual([]);
  expect(statusOf(await accept(mia, inviteId))).toBe(403);
  answered(await dismiss(mia, inviteId, secretOf(inviteId)));
});

test('the secret of the mail is in no answer and in no document', async () => {
  const { admin, mia, clinicId, inviteId, clinician } = await clinicWithInvite();
  const path = { clinicId, inviteId };
  const answers = [
    clinician,
    answered(await admin.api.GET(INVITE, { params: { path } })),
    answered(await admin.api.PATCH(INVITE, { params: { path } })),
    answered(await mia.api.GET(MINE, { params: { path: { userId: mia.userId } } })),
    answered(await harness.asService().GET(INVITED, { params: { path } })),
    await harness.models.clinicians.find({ inviteId }).lean(),
  ];
  expect(JSON.stringify(answers)).toContain(inviteId);
  expect(JSON.stringify(answers)).not.toContain(secretOf(inviteId));
});

test('with the secret, an invite is still only for the address that was invited, and for the clinic’s domains', async () => {
  const { mia, clinicId, inviteId } = await clinicWithInvite({ emailVerified: false });
  const eve = harness.newUser();
  expect(statusOf(await accept(eve, inviteId, secretOf(inviteId)))).toBe(404);
  await restrict(clinicId, [{ emailDomain: 'harbour.example' }]);
  expect(statusOf(await accept(mia, inviteId, secretOf(inviteId)))).toBe(403);
});

describe('an API key', () => {
  const clinicOfKey = async () => {
    const account = await newAccount(harness);
    const { id, key } = await account.newKey();
    const byKey = harness.withKey(key);
    const { id: clinicId } = await newClinic(byKey);
    return { account, keyId: id, byKey, clinicId };
  };

  test('invites no admin, and the answer says who can', async () => {
    const { account, byKey, clinicId } = await clinicOfKey();
    const invite = (api: typeof byKey, roles: ('CLINIC_ADMIN' | 'CLINIC_MEMBER')[]) =>
      api.POST(INVITES, { params: { path: { clinicId } }, body: { email: `${newUserId()}@example.test`, roles } });
    const refused = await invite(byKey, ['CLINIC_MEMBER', 'CLINIC_ADMIN']);
    expect([statusOf(refused), refused.error?.message]).toEqual([403, expect.stringMatching(/an admin .* has to/)]);
    answered(await invite(byKey, ['CLINIC_MEMBER']));
    answered(await invite(account.owner.api, ['CLINIC_ADMIN']));
  });

  test('that made an admin before it was forbidden is shown to the owner, with whom it made', async () => {
    const { account, keyId, byKey, clinicId } = await clinicOfKey();
    const [mia, eve] = [harness.newUser(), harness.newUser()];
    const ids = [];
    for (const { email = '' } of [mia, eve]) {
      const body = { email, roles: ['CLINIC_MEMBER' as const] };
      ids.push(answered(await byKey.POST(INVITES, { params: { path: { clinicId } }, body })).inviteId ?? '');
    }
    answered(await accept(mia, ids[0] ?? ''));
    const list = async () =>
      answered(
        await harness
          .account({ token: `user:${account.owner.userId}` })
          .GET('/caregate/v1/accounts/{accountId}/admins_by_keys', {
            params: { path: { accountId: account.accountId } },
          }),
      );
    expect(await list()).toEqual([]); // members are no admins, and the owner is one by creating the clinic
    const everybody = { clinicId: new Types.ObjectId(clinicId), email: { $in: [mia.email, eve.email] } };
    await harness.models.clinicians.updateMany(everybody as never, { roles: ['CLINIC_ADMIN'] }); // as keys could
    await eventually(async () => (await list()).length === 2); // the audit notes outcomes behind the answers
    const time = expect.any(String);
    expect(await list()).toEqual([
      { clinicId, inviteId: ids[1], email: eve.email, keyId, time },
      { clinicId, userId: mia.userId, email: mia.email, keyId, time },
    ]);
  });

  test('makes no member an admin, and may change who is one', async () => {
    const { account, byKey, clinicId } = await clinicOfKey();
    const mia = harness.newUser();
    const body = { email: mia.email ?? '', roles: ['CLINIC_MEMBER' as const] };
    const { inviteId = '' } = answered(await byKey.POST(INVITES, { params: { path: { clinicId } }, body }));
    answered(await accept(mia, inviteId));
    const update = (clinicianId: string) =>
      byKey.PUT('/v1/clinics/{clinicId}/clinicians/{clinicianId}', {
        params: { path: { clinicId, clinicianId } },
        body: { email: mia.email, name: 'Somebody', roles: ['CLINIC_ADMIN'] },
      });
    expect(statusOf(await update(mia.userId))).toBe(403);
    expect(statusOf(await update(account.owner.userId))).toBe(200);
    const roles = (await harness.models.clinicians.findOne({ userId: mia.userId }).lean())?.roles;
    expect(roles).toEqual(['CLINIC_MEMBER']);
  });
});

test('a dismissed invite is gone for the clinic too', async () => {
  const { admin, mia, clinicId, inviteId } = await clinicWithInvite();
  answered(await mia.api.DELETE(MY_INVITE, { params: { path: { userId: mia.userId, inviteId } } }));
  expect(
    answered(await admin.api.GET('/v1/clinics/{clinicId}/clinicians', { params: { path: { clinicId } } })),
  ).toHaveLength(1);
  expect(statusOf(await accept(mia, inviteId))).toBe(404);
  expect(await harness.models.clinicianArchives.countDocuments({ deletedBy: mia.userId })).toBe(1);
});

test('resending is noted for the worker, which mails', async () => {
  const { admin, clinicId, inviteId } = await clinicWithInvite();
  const sent = async () =>
    (await harness.models.clinicians.findOne({ inviteId }).lean())?.inviteSentTime?.getTime() ?? 0;
  const before = await sent();
  answered(await admin.api.PATCH(INVITE, { params: { path: { clinicId, inviteId } } }));
  expect(await sent()).toBeGreaterThan(before);
});

test('a clinic’s restrictions are looked at when the invite is accepted', async () => {
  const { mia, clinicId, inviteId } = await clinicWithInvite();
  const canAccept = async () =>
    answered(await mia.api.GET(MINE, { params: { path: { userId: mia.userId } } }))[0]?.restrictions;
  await restrict(clinicId, [{ emailDomain: 'harbour.example' }]);
  expect(await canAccept()).toEqual({ canAccept: false });
  expect(statusOf(await accept(mia, inviteId))).toBe(403);
  await restrict(clinicId, [{ emailDomain: 'example.test', requiredIdp: 'harbour-sso' }]);
  expect(await canAccept()).toEqual({ canAccept: false, requiredIdp: 'harbour-sso' });
  expect(statusOf(await accept(mia, inviteId))).toBe(403);
  await restrict(clinicId, [{ emailDomain: 'example.test' }]);
  answered(await accept(mia, inviteId));
});

test('an invite that a service made is the service’s to answer, and the clinic’s to take back', async () => {
  const { admin, mia, clinicId } = await clinicWithInvite();
  const inviteId = 'made-by-a-service';
  const path = { clinicId, inviteId };
  const body = { inviteId, email: 'other@example.test', roles: ['CLINIC_MEMBER' as const] };
  answered(
    await harness.asService().POST('/v1/clinics/{clinicId}/clinicians', { params: { path: { clinicId } }, body }),
  );
  expect(statusOf(await admin.api.GET(INVITE, { params: { path } }))).toBe(404);
  expect(statusOf(await admin.api.PATCH(INVITE, { params: { path } }))).toBe(404);
  expect(answered(await harness.asService().GET(INVITED, { params: { path } }))).toMatchObject({ inviteId });
  expect(statusOf(await harness.asService().PATCH(INVITED, { params: { path }, body: { userId: newUserId() } }))).toBe(
    404,
  );
  answered(await admin.api.DELETE(INVITE, { params: { path } }));
  expect(statusOf(await harness.asService().PATCH(INVITED, { params: { path }, body: { userId: mia.userId } }))).toBe(
    404,
  );
});

test('a member is not made a member a second time by an invite to another address', async () => {
  const { admin, clinicId } = await clinicWithInvite();
  const body = { email: 'dana.private@example.test', roles: ['CLINIC_MEMBER' as const] };
  const { inviteId = '' } = answered(await admin.api.POST(INVITES, { params: { path: { clinicId } }, body }));
  const path = { clinicId, inviteId };
  expect(statusOf(await harness.asService().PATCH(INVITED, { params: { path }, body: { userId: admin.userId } }))).toBe(
    409,
  );
});
