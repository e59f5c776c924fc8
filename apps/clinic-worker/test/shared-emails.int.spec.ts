import { randomUUID } from 'node:crypto';
import { eventually } from '@caregate/eventually';
import type { UserId } from '@caregate/identity';
import { mailsTo, newUserId, randomAddress, SERVERS_GIVEN, TestShard } from './shard.ts';

const describeWithServers = SERVERS_GIVEN ? describe : describe.skip;

describeWithServers('an email that two users have since a move', () => {
  const shard = new TestShard();

  beforeAll(async () => {
    await shard.start();
    await shard.worker({ DOMAIN: 'caregate.example' });
  }, 300_000);
  afterAll(() => shard.stop(), 60_000);

  /** As an arrival leaves a user. */
  async function arrived(email: string, passwordHash?: string): Promise<UserId> {
    const _id = newUserId();
    const record = { _id, email, sharedEmailKey: email, emailVerified: false, roles: [], sessionEpoch: 0 };
    const profile = { fullName: 'Arnold Arrived' };
    await shard.connection.collection<{ _id: UserId }>('users').insertOne({
      ...record,
      profile,
      ...(passwordHash !== undefined && { passwordHash }),
    } as { _id: UserId }); // the collection is the identity's
    return _id;
  }

  async function tell(userid: UserId): Promise<void> {
    const event = { specversion: '1.0', id: randomUUID(), source: '/caregate/au1/identity', subject: userid };
    const value = JSON.stringify({ ...event, type: 'users:email_shared', data: { userid } });
    await shard.producer.send({ topic: shard.userEventsTopic, messages: [{ key: userid, value }] });
  }
  const reactionsTo = (userId: string) =>
    shard.connection
      .collection('reactions')
      .find({ lane: { $regex: `\\|${userId}$` }, state: 'done' })
      .toArray();

  test('is mailed once what each of them has to do, and neither is named', async () => {
    const holder = await shard.user('Hilda Holder');
    const userId = await arrived(holder.email, '$argon2id$unusable');
    for (let times = 0; times < 2; times++) await tell(userId);
    await eventually(async () => (await reactionsTo(userId)).length === 2);
    const mails = await mailsTo(holder.email);
    expect(mails.map(({ subject }) => subject)).toEqual(['Two users on Caregate have your address']);
    const text = mails[0]?.text.replace(/\s+/g, ' ');
    expect(text).toContain('has moved to au1.caregate.example');
    expect(text).toContain('the password that you had for it');
    expect(text).toContain('the password of that user');
    expect(text).not.toMatch(/Arnold|Hilda/);
  });

  test('says of patients whom clinics look after that they have nothing to sign in with', async () => {
    const email = randomAddress();
    await shard.identity.createCustodialUser('65f0c0ffee65f0c0ffee0001', { email });
    await tell(await arrived(email));
    const [mail] = await eventually(async () => {
      const mails = await mailsTo(email);
      return mails.length > 0 ? mails : undefined;
    });
    const text = mail?.text.replace(/\s+/g, ' ');
    expect(text).toContain('ask that clinic to put another address of yours on your record');
    expect(text).toContain('records that another clinic keeps of you');
    expect(text).not.toContain('password');
  });

  test('is no news when nobody else has it any more, and an event that says so of others mails nobody', async () => {
    const alone = await shard.user('Solo');
    const former = await arrived(randomAddress());
    for (const userId of [alone.userId, former]) await tell(userId);
    await eventually(
      async () => (await reactionsTo(alone.userId)).length === 1 && (await reactionsTo(former)).length === 1,
    );
    expect(await mailsTo(alone.email)).toEqual([]);
  });
});
