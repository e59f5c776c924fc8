import { createHash, randomBytes } from 'node:crypto';
import { hash } from '@node-rs/argon2';
import { Conflict, NotFound, TooManyRequests, Unauthorized, Unprocessable } from '@caregate/service';
import { createConnection, type Connection } from 'mongoose';
import type { Session } from '../identity-service.ts';
import { hashPassword } from '../passwords.ts';
import { isUserId, type UserId } from '../user-id.ts';
import { LocalIdentity, prepareLocalIdentity } from './local-identity.ts';
import type { UsersRepository } from './users.repository.ts';

const config = { shardId: 'au1', secret: randomBytes(32).toString('hex'), sessionHours: 1 };
let connection: Connection;
let identity: LocalIdentity;

beforeAll(async () => {
  connection = await createConnection(testDatabase()).asPromise();
  await prepareLocalIdentity(connection);
  identity = new LocalIdentity(connection, config);
});

afterAll(async () => {
  await connection.dropDatabase();
  await connection.close();
});

describe('the owner of an account, whose mailed link was opened', () => {
  const confirm = async (email: string, typed: string, chosen = 'chosen at sign-up') =>
    identity.confirmOwner(
      { email, fullName: 'Ada Owner', passwordHash: await hashPassword(chosen) },
      typed,
      '10.0.0.1',
    );
  const signIn = (email: string, password: string) => identity.signIn(email, password, '10.0.0.1');

  test('is made once with the password of the sign-up, however often and at once the link is used', async () => {
    const email = 'Ada@Example.test';
    const users = await Promise.all(Array.from({ length: 4 }, () => confirm(email, 'chosen at sign-up')));
    expect(new Set(users.map(({ userId }) => userId)).size).toBe(1);
    expect(await identity.findUser('ada@example.TEST')).toMatchObject({
      email,
      roles: ['clinician'],
      emailVerified: true,
    });
    expect(await identity.profile(users[0]?.userId ?? unknownUser)).toEqual({ fullName: 'Ada Owner' });
    expect((await signIn(email, 'chosen at sign-up')).userId).toBe(users[0]?.userId);
  });

  test('is made once when another click is faster between two looks at the address', async () => {
    const slow = new LocalIdentity(connection, config);
    const users = Reflect.get(slow, 'users') as UsersRepository; // as the class has it
    const byEmail = users.byEmail.bind(users);
    const faster: string[] = [];
    let looks = 0;
    users.byEmail = async (email) => {
      if (++looks === 2) faster.push((await confirm(email, 'chosen at sign-up')).userId);
      return byEmail(email);
    };
    const passwordHash = await hashPassword('chosen at sign-up');
    const owner = { email: 'twice@example.test', fullName: 'Ada Owner', passwordHash };
    const { userId } = await slow.confirmOwner(owner, 'chosen at sign-up', '10.0.0.1');
    expect(faster).toEqual([userId]);
  });

  test('is nobody who clicked without having signed up', async () => {
    await expect(confirm('clicked@example.test', 'a guess')).rejects.toThrow(Unauthorized);
    expect(await identity.findUser('clicked@example.test')).toBeUndefined();
  });

  test('who has the address proven already, keeps their password, and another one opens nothing', async () => {
    const { userId } = await signedIn('first@example.test');
    await expect(confirm('FIRST@example.test', 'chosen at sign-up')).rejects.toThrow(Unauthorized);
    expect((await confirm('FIRST@example.test', 'correct horse')).userId).toBe(userId);
    await expect(signIn('first@example.test', 'chosen at sign-up')).rejects.toThrow(Unauthorized);
    expect(await identity.profile(userId)).toEqual({ fullName: 'Somebody' });
  });

  test('who is looked after by a clinic, stays who they are, can sign in, and no clinic names them any more', async () => {
    const { userId } = await identity.createCustodialUser('65f0c0ffee65f0c0ffee0001', {
      email: 'patient@example.test',
      fullName: 'Pat Patient',
    });
    const told = (fullName: string) => ({ fullName, patient: { birthday: '1990-02-03' } });
    expect(await identity.saveCustodialProfile(userId, told('Whoever They Say'))).toBe(true);
    await expect(confirm('patient@example.test', 'a guess')).rejects.toThrow(Unauthorized);
    expect(await confirm('patient@example.test', 'chosen at sign-up')).toMatchObject({ userId, emailVerified: true });
    expect((await signIn('patient@example.test', 'chosen at sign-up')).userId).toBe(userId);
    expect(await identity.saveCustodialProfile(userId, told('Renamed By A Clinic'))).toBe(false);
    expect(await identity.profile(userId)).toEqual(told('Ada Owner')); // the name that they signed up with
    await expect(identity.removeEmail(userId)).rejects.toThrow(Conflict);
    await expect(identity.changeCustodialEmail(userId, 'clinic@example.test')).rejects.toThrow(
      /only they can change it/,
    );
  });

  test('whose address somebody took before without proof, gets it, and the other loses it and the sessions', async () => {
    const squatter = await signedIn('squatted@example.test');
    await identity.updateUser(squatter.userId, { emailVerified: false });
    const { userId } = await confirm('squatted@example.test', 'chosen at sign-up');
    expect(userId).not.toBe(squatter.userId);
    await expect(signIn('squatted@example.test', 'correct horse')).rejects.toThrow(Unauthorized);
    expect((await signIn('squatted@example.test', 'chosen at sign-up')).userId).toBe(userId);
    expect(await identity.authenticate(squatter.token)).toBeUndefined();
    expect(await identity.findUser(squatter.userId)).not.toHaveProperty('email');
  });

  test('who had not proven the address until now, shows to be the same person by their password', async () => {
    const { userId } = await signedIn('legacy@example.test');
    await identity.updateUser(userId, { emailVerified: false });
    expect(await confirm('legacy@example.test', 'correct horse')).toMatchObject({ userId, emailVerified: true });
  });

  test('is not found by guessing: attempts are counted', async () => {
    const guesses = await Promise.all(
      Array.from({ length: 12 }, () => faultOf(confirm('often@example.test', 'a guess'))),
    );
    expect(guesses.filter((fault) => fault instanceof TooManyRequests)).toHaveLength(2);
  });

  test('has a password that is kept as a hash only', async () => {
    const owner = { email: 'plain@example.test', fullName: 'P', passwordHash: 'correct horse' };
    await expect(identity.createUser(owner)).rejects.toThrow(Unprocessable);
  });
});

test('who signs in gets a token that speaks for them until the sessions are ended', async () => {
  const { token, userId } = await signedIn('session@example.test');
  expect(await identity.authenticate(token)).toEqual({ kind: 'user', userId });
  await identity.deleteSessions(userId);
  expect(await identity.authenticate(token)).toBeUndefined();
  const again = await identity.signIn('session@example.test', 'correct horse', '10.0.0.1');
  expect(await identity.authenticate(again.token)).toEqual({ kind: 'user', userId });
});

test('a token of this shard is unknown on another', async () => {
  const { token } = await signedIn('au@example.test');
  expect(await new LocalIdentity(connection, { ...config, shardId: 'uk1' }).authenticate(token)).toBeUndefined();
});

test('a service speaks for itself', async () => {
  expect(await identity.authenticate(await identity.serviceToken('clinic-worker'))).toEqual({
    kind: 'service',
    name: 'clinic-worker',
  });
});

test('a wrong password and an unknown email get the same answer', async () => {
  await signedIn('known@example.test');
  const wrong = await faultOf(identity.signIn('known@example.test', 'wrong', '10.0.0.2'));
  const unknown = await faultOf(identity.signIn('nobody@example.test', 'wrong', '10.0.0.2'));
  expect(wrong).toBeInstanceOf(Unauthorized);
  expect(unknown).toEqual(wrong);
});

test('guessing is slowed down for the guesser, not for the person', async () => {
  await signedIn('guessed@example.test');
  const guesses = await Promise.all(
    Array.from({ length: 12 }, () => faultOf(identity.signIn('Guessed@example.test', 'guess', '10.9.9.9'))),
  );
  expect(guesses.filter((fault) => fault instanceof Unauthorized)).toHaveLength(10);
  const refused = guesses.filter((fault) => fault instanceof TooManyRequests);
  expect(refused).toHaveLength(2);
  expect(Number(refused[0]?.headers['retry-after'])).toBeGreaterThan(0);
  expect((await identity.signIn('guessed@example.test', 'correct horse', '10.0.0.1')).userId).toBeTruthy();
});

test('whoever guesses from many addresses keeps nobody out where they signed in before', async () => {
  const email = 'kept-out@example.test';
  await signedIn(email); // from 10.0.0.1
  const guess = (n: number) => faultOf(identity.signIn(email, 'guess', `10.8.${n >> 3}.1`));
  const guesses = [];
  for (let n = 0; n < 104; n += 8)
    guesses.push(...(await Promise.all(Array.from({ length: 8 }, (_, more) => guess(n + more)))));
  expect(guesses.filter((fault) => fault instanceof Unauthorized)).toHaveLength(100 - 1); // one is the person’s own
  expect(await faultOf(identity.signIn(email, 'correct horse', '10.8.99.1'))).toBeInstanceOf(TooManyRequests);
  expect((await identity.signIn(email, 'correct horse', '10.0.0.1')).userId).toBeTruthy();
  const there = await Promise.all(
    Array.from({ length: 12 }, () => faultOf(identity.signIn(email, 'guess', '10.0.0.1'))),
  );
  expect(there.filter((fault) => fault instanceof TooManyRequests)).toHaveLength(2); // few there, too
});

test('whoever shares an email with another does not hide guesses at them by signing in', async () => {
  const email = 'shared@example.test';
  const { userId } = await signedIn(email);
  const own = await hashPassword('a password of their own');
  const record = { _id: 'abcdef0123', email, sharedEmailKey: email, passwordHash: own, sessionEpoch: 0, roles: [] };
  await connection.collection('users').insertOne(record as never); // ids are texts
  const faults = [];
  for (let tries = 0; tries < 6; tries++) {
    const signIn = (password: string) => faultOf(identity.signIn(email, password, '10.9.9.8'));
    faults.push(await signIn('a guess'), await signIn('a password of their own'));
  }
  expect(faults.filter((fault) => fault instanceof TooManyRequests)).toHaveLength(2);
  expect((await identity.signIn(email, 'a password of their own', '10.0.0.1')).userId).toBe('abcdef0123');
  expect((await identity.signIn(email, 'correct horse', '10.0.0.1')).userId).toBe(userId);
});

test('whoever has many addresses of one IPv6 network is one guesser', async () => {
  await signedIn('networked@example.test');
  const guesses = await Promise.all(
    Array.from({ length: 12 }, (_, n) =>
      faultOf(identity.signIn('networked@example.test', 'guess', `2001:db8:9:9:${n}::7`)),
    ),
  );
  expect(guesses.filter((fault) => fault instanceof TooManyRequests)).toHaveLength(2);
  const elsewhere = await faultOf(identity.signIn('networked@example.test', 'guess', '2001:db8:9:a::7'));
  expect(elsewhere).toBeInstanceOf(Unauthorized);
});

test('the count of attempts holds neither emails nor addresses, nor hashes of them that can be tried out', async () => {
  await faultOf(identity.signIn('counted@example.test', 'guess', '10.7.7.7'));
  await signedIn('placed@example.test'); // from 10.0.0.1
  const [attempts, places] = await Promise.all(
    ['sign_in_attempts', 'sign_in_places'].map((name) => connection.collection(name).find().toArray()),
  );
  expect(places?.length).toBeGreaterThan(0);
  const kept = JSON.stringify([attempts, places]);
  expect(kept).not.toMatch(/counted|placed|10\.7\.7\.7|10\.0\.0\.1/);
  for (const text of ['10.7.7.7', 'counted@example.test', 'placed@example.test 10.0.0.1'])
    expect(kept).not.toContain(createHash('sha256').update(text).digest('base64url'));
});

test('a password hashed at lower cost is hashed anew when its owner signs in', async () => {
  const weak = await hash('correct horse', { memoryCost: 8_192, timeCost: 1 });
  await identity.createUser({ email: 'weak@example.test', fullName: 'W', passwordHash: weak });
  await identity.signIn('weak@example.test', 'correct horse', '10.0.0.1');
  const kept = await connection.collection('users').findOne({ emailKey: 'weak@example.test' });
  expect(kept?.['passwordHash']).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  await identity.signIn('weak@example.test', 'correct horse', '10.0.0.1');
});

test('custodial users have an email of their own or none, and cannot sign in', async () => {
  const clinicId = '65f0c0ffee65f0c0ffee0001';
  const [first, second] = await Promise.all([
    identity.createCustodialUser(clinicId, {}),
    identity.createCustodialUser(clinicId, {}),
  ]);
  expect(first.userId).not.toBe(second.userId);
  const child = await identity.createCustodialUser(clinicId, { email: 'Child@example.test', fullName: 'C' });
  expect(child.roles).toEqual(['patient']);
  await expect(identity.createCustodialUser(clinicId, { email: 'child@example.test' })).rejects.toThrow(Conflict);
  await expect(identity.signIn('child@example.test', '', '10.0.0.1')).rejects.toThrow(Unauthorized);
  await expect(identity.signIn('child@example.test', 'a password that nobody has', '10.0.0.1')).rejects.toThrow(
    Unauthorized,
  );
});

test('a user is changed, but not into somebody else', async () => {
  const { userId } = await signedIn('before@example.test');
  await signedIn('taken@example.test');
  expect(await identity.updateUser(userId, { email: 'after@example.test', roles: [] })).toMatchObject({
    email: 'after@example.test',
    roles: [],
  });
  expect(await identity.findUser('before@example.test')).toBeUndefined();
  await expect(identity.updateUser(userId, { email: 'Taken@example.test' })).rejects.toThrow(Conflict);
  await expect(identity.updateUser(unknownUser, { roles: [] })).rejects.toThrow(NotFound);
});

test('a new email is not verified because the old one was', async () => {
  const { userId } = await signedIn('verified@example.test');
  expect(await identity.updateUser(userId, { emailVerified: true })).toMatchObject({ emailVerified: true });
  expect(await identity.updateUser(userId, { email: 'verified@example.test' })).toMatchObject({ emailVerified: true });
  expect(await identity.updateUser(userId, { email: 'not.yet@example.test' })).toMatchObject({ emailVerified: false });
  expect(await identity.updateUser(userId, { email: 'told@example.test', emailVerified: true })).toMatchObject({
    emailVerified: true,
  });
});

test('a custodial user loses their email and another may have it, but not who signs in with theirs', async () => {
  const email = 'given.back@example.test';
  const { userId } = await identity.createCustodialUser('65f0c0ffee65f0c0ffee0001', { email });
  await identity.removeEmail(userId);
  await identity.removeEmail(userId);
  expect((await identity.findUser(userId))?.email).toBeUndefined();
  expect(await identity.findUser(email)).toBeUndefined();
  const other = await signedIn(email);
  await expect(identity.removeEmail(other.userId)).rejects.toThrow(Conflict);
  expect((await identity.findUser(other.userId))?.email).toBe(email);
  await expect(identity.removeEmail(unknownUser)).rejects.toThrow(NotFound);
});

test('a profile is kept as it was given', async () => {
  const { userId } = await identity.createCustodialUser('65f0c0ffee65f0c0ffee0001', {});
  expect(await identity.profile(userId)).toBeUndefined();
  const profile = { fullName: 'Pat', patient: { birthday: '1990-02-03', mrn: 'MRN1', targetDevices: ['dexcom'] } };
  await identity.saveProfile(userId, profile);
  expect(await identity.profile(userId)).toEqual(profile);
  await expect(identity.saveProfile(unknownUser, profile)).rejects.toThrow(NotFound);
  await expect(identity.saveCustodialProfile(unknownUser, profile)).rejects.toThrow(NotFound);
});

test('sharing is listed for the one it is shared with, until it is taken away', async () => {
  const [sharer, grantee] = [
    (await signedIn('sharer@example.test')).userId,
    (await signedIn('grantee@example.test')).userId,
  ];
  await identity.setSharing(sharer, grantee, { view: {}, upload: {} });
  await identity.setSharing(sharer, grantee, { view: {} });
  expect(await identity.sharesWith(grantee)).toEqual(new Map([[sharer, { view: {} }]]));
  expect(await identity.sharesWith(sharer)).toEqual(new Map());
  await identity.setSharing(sharer, grantee, {});
  expect(await identity.sharesWith(grantee)).toEqual(new Map());
});

test('a service account is known by its secret only', async () => {
  const { userId, clientId, clientSecret } = await identity.createServiceAccount('Uploader');
  expect(await identity.serviceAccountUser(clientId, clientSecret)).toBe(userId);
  await expect(identity.serviceAccountUser(clientId, `${clientSecret}x`)).rejects.toThrow(Unprocessable);
  await expect(identity.serviceAccountUser('nobody', '')).rejects.toThrow(Unprocessable);
});

test('a restricted token is good until it expires', async () => {
  const { userId } = await signedIn('restricted@example.test');
  const token = await identity.createRestrictedToken(userId, ['/v1/oauth']);
  expect(await identity.restrictedToken(token.id)).toEqual(token);
  const past = await identity.createRestrictedToken(userId, [], new Date(Date.now() - 1));
  expect(await identity.restrictedToken(past.id)).toBeUndefined();
  expect(await identity.restrictedToken('unknown')).toBeUndefined();
  await expect(identity.createRestrictedToken(unknownUser, [])).rejects.toThrow(NotFound);
});

test('nothing is left of a user who is gone', async () => {
  const { token, userId } = await signedIn('gone@example.test');
  const other = (await signedIn('other@example.test')).userId;
  await identity.setSharing(userId, other, { view: {} });
  await identity.forgetUser(userId);
  await identity.forgetUser(userId);
  expect(await identity.authenticate(token)).toBeUndefined();
  expect(await identity.findUser(userId)).toBeUndefined();
  expect(await identity.sharesWith(other)).toEqual(new Map());
});

const unknownUser = asUserId('0000000000');

async function signedIn(email: string): Promise<Session> {
  await identity.createUser({ email, fullName: 'Somebody', passwordHash: await hashPassword('correct horse') });
  return identity.signIn(email, 'correct horse', '10.0.0.1');
}

async function faultOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

function asUserId(text: string): UserId {
  if (!isUserId(text)) throw new Error(`${text} is not a user id`);
  return text;
}

function testDatabase(): string {
  const uri = new URL(process.env['MONGODB_URI'] ?? 'mongodb://127.0.0.1:27017/');
  uri.pathname = `/identity_test_${randomBytes(6).toString('hex')}`;
  return uri.href;
}

test.each(['', 'correct horse', '$argon2id$v=19$m=19456,t=2,p=1$AAAA$AAAA', '$2b$10$abcdefghijklmnopqrstuv'])(
  'whose stored hash is broken (%j) is told what everybody is, and the log tells whose it is',
  async (passwordHash) => {
    const email = `broken-${randomBytes(4).toString('hex')}@example.test`;
    const { userId } = await signedIn(email);
    await connection.collection('users').updateOne({ _id: userId as never }, { $set: { passwordHash } }); // ids are texts
    const logged: unknown[] = [];
    const watched = new LocalIdentity(connection, config, { error: (fields: unknown) => void logged.push(fields) });
    await expect(watched.signIn(email, 'correct horse', '10.0.0.1')).rejects.toThrow(
      new Unauthorized('email or password is wrong'),
    );
    expect(logged).toEqual([{ userId }]);
  },
);
