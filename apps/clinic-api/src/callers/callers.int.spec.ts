import { contracts, responseValidator } from '@caregate/contracts';
import { basic } from '../../test/at-host.ts';
import { type Harness, startHarness } from '../../test/harness.ts';
import { newPractice, type Practice } from '../../test/practice.ts';

let harness: Harness;
let ours: Practice;
let theirs: Practice;
beforeAll(async () => {
  harness = await startHarness();
  [ours, theirs] = await Promise.all([newPractice(harness), newPractice(harness)]);
});
afterAll(() => harness.close());

async function whoAmI(request: { token?: string; headers?: Record<string, string> }) {
  const { status, body } = await harness.send('/caregate/v1/caller', request);
  const answer = { status, body, contentType: 'application/json' };
  expect(responseValidator(contracts.account).problems('GetCaller', answer)).toEqual([]);
  return body;
}

const accountOf = ({ account: { accountId: id, subdomain } }: Practice) => ({
  id,
  subdomain,
  name: expect.any(String),
});
const clinicOf = ({ clinicId }: Practice) => ({ id: clinicId, name: 'Harbour Clinic' });

test('an API key learns its account, its shard and its clinics, and nothing of others', async () => {
  const told = await whoAmI({ headers: basic(ours.key) });
  expect(told).toEqual({
    ...{ kind: 'apiKey', shard: 'au1', keyId: ours.keyId },
    ...{ accounts: [accountOf(ours)], clinics: [clinicOf(ours)] },
  });
  expect(JSON.stringify(told)).not.toContain(theirs.clinicId);
});

test('an owner learns the id of their account, without which no key can be made', async () => {
  const { userId } = ours.account.owner;
  expect(await whoAmI({ token: `user:${userId}` })).toEqual({
    ...{ kind: 'user', shard: 'au1', userId },
    ...{ accounts: [accountOf(ours)], clinics: [] },
  });
});

test('a clinician learns where they work, and a service that it is one', async () => {
  expect(await whoAmI({ token: `user:${ours.member}` })).toMatchObject({ accounts: [], clinics: [clinicOf(ours)] });
  expect(await whoAmI({ token: 'server:export' })).toEqual({
    kind: 'service',
    shard: 'au1',
    accounts: [],
    clinics: [],
  });
});

test('a request without a valid key or session is refused', async () => {
  expect(await harness.send('/caregate/v1/caller', {})).toMatchObject({ status: 400 });
  const revoked = { headers: basic(ours.revokedKey) };
  expect(await harness.send('/caregate/v1/caller', revoked)).toMatchObject({ status: 401 });
});

test('a key is told who may do what no key may', async () => {
  const headers = basic(ours.key);
  const told = async (path: string, method = 'GET') => (await harness.send(path, { method, headers })).body;
  expect(await told('/v1/clinics')).toEqual({ message: 'no API key may do this; it is for a back-end service' });
  expect(await told(`/v1/clinics/${theirs.clinicId}`)).toEqual({
    message: expect.stringContaining('GET /caregate/v1/caller says what it reaches'),
  });
});
