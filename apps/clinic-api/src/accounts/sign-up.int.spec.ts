import { randomUUID } from 'node:crypto';
import { hashPassword, IdentityService, LinkSecrets, type LocalIdentity } from '@caregate/identity';
import { sendConfirmation } from '../../test/accounts.ts';
import { answered, type Harness, startHarness, statusOf } from '../../test/harness.ts';

const ACCOUNT = '/caregate/v1/accounts/{accountId}';
const CHOSEN = 'chosen at sign-up';

let harness: Harness;
let passwordHash: string;
beforeAll(async () => {
  harness = await startHarness({ IDENTITY: 'local', IDENTITY_SECRET: 'a secret of tests that is long enough' });
  passwordHash = await hashPassword(CHOSEN);
});
afterAll(() => harness.close());

const identity = () => harness.app.get(IdentityService) as LocalIdentity; // as it is set up above
const asDirectory = () => harness.directory();
const secretOf = (accountId: string) => harness.mailedSecrets.secretOf('sign-up', accountId) ?? '';
const newEmail = () => `${randomUUID()}@example.test`;

/** As the directory does when somebody has signed up. */
async function signUp({ email = newEmail(), subdomain = `s-${randomUUID()}` } = {}) {
  const accountId = randomUUID();
  const place = () =>
    asDirectory().PUT(ACCOUNT, {
      params: { path: { accountId } },
      body: { subdomain, name: 'Good Times', owner: { email, fullName: 'Nora Newcomer', passwordHash } },
    });
  return { accountId, email, subdomain, place, answer: await place() };
}

const signIn = (email: string, password: string) =>
  harness.account({}).POST('/caregate/v1/sessions', { body: { email, password } });
const get = (accountId: string) => asDirectory().GET(ACCOUNT, { params: { path: { accountId } } });
const existing = async (email = newEmail()) =>
  identity().createUser({ email, fullName: 'Early Holder', passwordHash: await hashPassword('the earlier password') });
const confirm = ({ accountId }: { accountId: string }, password: string) =>
  sendConfirmation(harness, accountId, secretOf(accountId), password);
const ownerOf = async ({ accountId }: { accountId: string }) => answered(await get(accountId)).ownerUserId;

test('an account is nobody’s and not active until its address is proven, whoever holds the address', async () => {
  const known = await existing();
  const patient = await identity().createCustodialUser('65f0c0ffee65f0c0ffee0001', { email: newEmail() });
  const answers = [];
  for (const email of [known.email, patient.email, undefined]) {
    const { answer, accountId, subdomain } = await signUp(email === undefined ? {} : { email });
    const account = answered(answer);
    expect(account).toEqual({
      id: accountId,
      subdomain,
      name: 'Good Times',
      state: 'unconfirmed',
      createdTime: expect.any(String),
    });
    expect(answered(await get(accountId))).toEqual(account);
    answers.push([statusOf(answer), Object.keys(account)]);
    expect(await harness.models.accounts.countDocuments({ _id: accountId as never })).toBe(0); // ids are texts
  }
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  expect(statusOf(await signIn(known.email ?? '', CHOSEN))).toBe(401);
});

test('the owner opens the link, types the password of the sign-up, and can sign in', async () => {
  const made = await signUp();
  expect(statusOf(await signIn(made.email, CHOSEN))).toBe(401);
  const page = await harness.send(`/sign-up/${made.accountId}/${secretOf(made.accountId)}`);
  expect(page.status).toBe(200);
  expect(page.body).toContain(`<strong>${made.subdomain}.au1.localhost</strong>`);
  expect(page.headers.get('content-security-policy')).toMatch(/default-src 'none'.*form-action 'self'/);
  expect([page.headers.get('referrer-policy'), page.headers.get('cache-control')]).toEqual(['no-referrer', 'no-store']);
  expect(answered(await get(made.accountId)).state).toBe('unconfirmed'); // to open it confirms nothing
  expect((await confirm(made, CHOSEN)).status).toBe(200);
  const { userId } = answered(await signIn(made.email, CHOSEN));
  expect(answered(await get(made.accountId))).toMatchObject({ state: 'active', ownerUserId: userId });
  expect(await identity().findUser(userId)).toMatchObject({ emailVerified: true });
});

test('a click without the password makes nobody the owner, and the page says what is wrong', async () => {
  const made = await signUp();
  for (const password of ['', 'a guess']) {
    const { status, body } = await confirm(made, password);
    expect([status, body]).toEqual([401, expect.stringMatching(/id="password-fault"[^>]*>this is not the password/)]);
  }
  expect(await identity().findUser(made.email)).toBeUndefined();
  expect(answered(await get(made.accountId)).state).toBe('unconfirmed');
});

test('a link works once; a wrong, foreign or old one says what to do', async () => {
  const [made, other] = [await signUp(), await signUp()];
  for (const secret of ['x', secretOf(other.accountId), `${secretOf(made.accountId)}x`]) {
    const { status, body } = await sendConfirmation(harness, made.accountId, secret, CHOSEN);
    expect([status, body]).toEqual([404, expect.stringMatching(/link is not right[\s\S]*sign up again/)]);
  }
  const sent = await Promise.all([confirm(made, CHOSEN), confirm(made, CHOSEN)]);
  expect(sent.map(({ status }) => status)).toEqual([200, 200]);
  const owner = await ownerOf(made);
  const again = await confirm(made, 'whatever');
  expect([again.status, again.body]).toEqual([200, expect.stringContaining('Your account is confirmed')]);
  expect(await ownerOf(made)).toBe(owner);
  await harness.models.signUps.updateOne({ _id: other.accountId as never }, { expiresTime: new Date() });
  const old = await confirm(other, CHOSEN);
  expect([old.status, old.body]).toEqual([410, expect.stringMatching(/too old[\s\S]*Sign up again/)]);
  expect(await identity().findUser(other.email)).toBeUndefined();
});

test('who has the address proven already becomes the owner by their own password alone', async () => {
  const known = await existing();
  const made = await signUp({ email: known.email ?? '' });
  expect((await confirm(made, CHOSEN)).status).toBe(401);
  expect((await confirm(made, 'the earlier password')).status).toBe(200);
  expect(await ownerOf(made)).toBe(known.userId);
  expect(statusOf(await signIn(made.email, CHOSEN))).toBe(401);
});

test('a patient whom a clinic looks after can sign in to the account that they signed up', async () => {
  const patient = await identity().createCustodialUser('65f0c0ffee65f0c0ffee0001', { email: newEmail() });
  const made = await signUp({ email: patient.email ?? '' });
  expect((await confirm(made, CHOSEN)).status).toBe(200);
  expect(await ownerOf(made)).toBe(patient.userId);
  expect(answered(await signIn(made.email, CHOSEN)).userId).toBe(patient.userId);
});

test('who took the address without proof does not get the account', async () => {
  const squatter = await existing();
  await identity().updateUser(squatter.userId, { emailVerified: false });
  const made = await signUp({ email: squatter.email ?? '' });
  expect((await confirm(made, CHOSEN)).status).toBe(200);
  expect(await ownerOf(made)).not.toBe(squatter.userId);
  expect(statusOf(await signIn(made.email, 'the earlier password'))).toBe(401);
});

test('several accounts of one address are confirmed one by one', async () => {
  const first = await signUp();
  const second = await signUp({ email: first.email });
  expect((await confirm(first, CHOSEN)).status).toBe(200);
  expect(answered(await get(second.accountId)).state).toBe('unconfirmed');
  expect((await confirm(second, CHOSEN)).status).toBe(200);
  expect(await ownerOf(second)).toBe(await ownerOf(first));
});

test('what nobody confirmed in time is gone, and its subdomain is free', async () => {
  const made = await signUp();
  expect(statusOf((await signUp({ subdomain: made.subdomain })).answer)).toBe(409);
  await harness.models.signUps.updateOne({ _id: made.accountId as never }, { expiresTime: new Date() });
  expect(statusOf(await get(made.accountId))).toBe(404);
  const next = await signUp({ subdomain: made.subdomain });
  expect(statusOf(next.answer)).toBe(200);
  expect((await confirm(next, CHOSEN)).status).toBe(200);
  expect(statusOf(await made.place())).toBe(409);
});

test('an account that is told again stays what it is', async () => {
  const made = await signUp();
  expect(answered(await made.place())).toEqual(answered(made.answer));
  expect((await confirm(made, CHOSEN)).status).toBe(200);
  expect(answered(await made.place())).toMatchObject({ state: 'active' });
});

test('the secret of the link and the password are in no document', async () => {
  const made = await signUp();
  const kept = JSON.stringify(await harness.models.signUps.findOne({ _id: made.accountId as never }).lean());
  expect(kept).toContain(made.email);
  for (const secret of [CHOSEN, secretOf(made.accountId)]) expect(kept).not.toContain(secret);
});

describe('where people sign in elsewhere', () => {
  let remote: Harness;
  beforeAll(async () => void (remote = await startHarness()));
  afterAll(() => remote.close());

  const signUpThere = async (email: string) => {
    const accountId = randomUUID();
    const answer = await remote.directory().PUT(ACCOUNT, {
      params: { path: { accountId } },
      body: { subdomain: `s-${accountId}`, name: 'Good Times', owner: { email, fullName: 'Nora' } },
    });
    expect(answered(answer)).toMatchObject({ state: 'unconfirmed' });
    return sendConfirmation(remote, accountId, secretOf(accountId));
  };

  test('the owner is who has the address verified there, and the page says what is missing', async () => {
    const { email = '' } = remote.newUser();
    expect((await signUpThere(email)).status).toBe(200);
    const unverified = remote.newUser({ emailVerified: false }).email ?? '';
    const refused = await signUpThere(unverified);
    expect([refused.status, refused.body]).toEqual([422, expect.stringContaining('verify this address')]);
    const nobody = await signUpThere(newEmail());
    expect([nobody.status, nobody.body]).toEqual([422, expect.stringContaining('make a user with this address')]);
  });

  test('a shard that cannot make links takes no accounts, and says what is missing', async () => {
    expect(new LinkSecrets('au1', []).available).toBe(false);
    const without = await startHarness({ LINK_SECRET: undefined });
    try {
      const { error, response } = await without.directory().PUT(ACCOUNT, {
        params: { path: { accountId: randomUUID() } },
        body: { subdomain: `s-${randomUUID()}`, name: 'Good Times', owner: { email: newEmail(), fullName: 'Nora' } },
      });
      expect([response.status, error?.message]).toEqual([503, expect.stringMatching(/set LINK_SECRET/)]);
    } finally {
      await without.close();
    }
  });
});
