import { randomUUID } from 'node:crypto';
import { eventually } from '@caregate/eventually';
import { LinkSecrets } from '@caregate/identity';
import type { AccountId } from '@caregate/clinic-model';
import { mailsTo, randomAddress, SERVERS_GIVEN, TestShard } from './shard.ts';

const describeWithServers = SERVERS_GIVEN ? describe : describe.skip;

describeWithServers('a sign-up', () => {
  const shard = new TestShard();

  beforeAll(async () => {
    await shard.start();
    await shard.worker({ DOMAIN: 'caregate.example' });
  }, 120_000);
  afterAll(() => shard.stop(), 60_000);

  /** As the API of the shard keeps it. */
  async function signUp(email: string) {
    const accountId = randomUUID() as AccountId; // account ids are UUIDs
    const subdomain = `s-${accountId}`;
    const now = new Date();
    await shard.models.signUps.create({
      _id: accountId,
      subdomain,
      name: 'Call 555 0100',
      owner: { email, fullName: 'Win A Prize', passwordHash: 'a hash' },
      createdTime: now,
      expiresTime: new Date(now.getTime() + 600_000),
    });
    return { accountId, subdomain };
  }
  const mailedFor = (email: string) => eventually(async () => (await mailsTo(email))[0]);

  test('is mailed to its address: the link, and what the address is here already', async () => {
    const known = await shard.user('Kim Known');
    const patient = { email: randomAddress() };
    await shard.identity.createCustodialUser('65f0c0ffee65f0c0ffee0001', patient);
    const unknown = randomAddress();
    for (const [email, said] of [
      [known.email, /sign in on Caregate with this address already/],
      [patient.email, /A clinic keeps records of you/],
      [unknown, undefined],
    ] as const) {
      const { accountId, subdomain } = await signUp(email);
      const { subject, text } = await mailedFor(email);
      const secret = new LinkSecrets('au1', [shard.secret]).secretOf('sign-up', accountId);
      expect(subject).toBe('Confirm your address for Caregate');
      expect(text).toContain(`https://api.au1.caregate.example/sign-up/${accountId}/${secret}`);
      expect(text).toContain(`the account ${subdomain}.au1.caregate.example was signed up`);
      if (said) expect(text).toMatch(said);
      else expect(text).not.toMatch(/already|A clinic keeps/);
      expect(text).not.toMatch(/555 0100|Prize/);
      expect(await mailsTo(email)).toHaveLength(1);
    }
  });
});
