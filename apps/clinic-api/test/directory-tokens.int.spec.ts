import { randomUUID } from 'node:crypto';
import { eventually } from '@caregate/eventually';
import { contracts, type Operation, operations } from '@caregate/contracts';
import { newDirectoryKey, readSigningKey, signDirectoryToken } from '@caregate/identity/directory-token';
import { newAccount, type TestAccount } from './accounts.ts';
import { DIRECTORY_PUBLIC_KEYS, directoryHeader } from './directory.ts';
import { answered, type Harness, newClinic, startHarness } from './harness.ts';

let harness: Harness;
let account: TestAccount;
let other: TestAccount;
beforeAll(async () => {
  harness = await startHarness();
  [account, other] = await Promise.all([newAccount(harness), newAccount(harness)]);
});
afterAll(() => harness.close());

const BATCH = 'H4sIAAAAAAAAAwMAAAAAAAAAAAA='; // of nothing
const bodies: Readonly<Record<string, object>> = {
  ProvisionAccount: { subdomain: 'a-practice', name: 'A', owner: { email: 'a@example.test', fullName: 'A' } },
  BeginArrival: {
    account: { subdomain: 'a-practice', name: 'A', ownerUserId: '0123456789', createdTime: '2026-01-01T00:00:00Z' },
  },
  ImportBatch: { batch: BATCH },
  FenceAccount: { fenceId: 'f', forMs: 1_000, withinMs: 100 },
  SealFence: { fenceId: 'f' },
  FingerprintDocuments: { collection: 'patients', limit: 1, counted: false },
  CompleteDeparture: { shard: 'uk1', accountUrl: 'https://a.uk1.test', apiUrl: 'https://api.uk1.test' },
};
const queries: Readonly<Record<string, string>> = {
  ExportDocuments: '&collection=patients',
  ExportChanges: '&after=x',
};

/** Only their token says for which move they are. */
const NAMES_NO_MOVE = new Set(['ExportDocuments', 'ExportChanges', 'FingerprintDocuments']);
/** What a move asks of a shard, with the body or query that names the move. */
const ofMoves = operations(contracts.account).filter(({ tags }) => tags.includes('moves'));

async function ask(operation: Operation, accountId: string, moveId: string, headers: Record<string, string>) {
  const path = operation.path.replace('{accountId}', accountId);
  const hasBody = operation.requestBody !== undefined;
  const { status, body } = await harness.send(`${path}?moveId=${moveId}${queries[operation.operationId] ?? ''}`, {
    method: operation.method.toUpperCase(),
    headers,
    ...(hasBody && { body: JSON.stringify({ moveId, ...bodies[operation.operationId] }) }),
  });
  return [status, (body as { message?: string } | undefined)?.message];
}

test.each(ofMoves.map((operation) => [operation.operationId, operation] as const))(
  'a token for %s is good for that, for its account and for its move alone',
  async (operationId, operation) => {
    const [moveId, { accountId }] = [randomUUID(), account];
    const header = await directoryHeader({ operationId, accountId, moveId });
    const another = /for another operation or account$/;
    expect(await ask(operation, other.accountId, moveId, header)).toEqual([401, expect.stringMatching(another)]);
    for (const each of ofMoves.filter((one) => one !== operation))
      expect([each.operationId, ...(await ask(each, accountId, moveId, header))]).toEqual([
        each.operationId,
        401,
        expect.stringMatching(another),
      ]);
    if (!NAMES_NO_MOVE.has(operationId))
      expect(await ask(operation, accountId, randomUUID(), header)).toEqual([
        401,
        expect.stringMatching(/another move$/),
      ]);
    const ofNoMove = await directoryHeader({ operationId, accountId });
    expect(await ask(operation, accountId, moveId, ofNoMove)).toEqual([401, expect.stringMatching(/another move$/)]);
    const elsewhere = await directoryHeader({ operationId, accountId, moveId }, 'uk1');
    expect(await ask(operation, accountId, moveId, elsewhere)).toEqual([
      401,
      expect.stringMatching(/not signed for this shard/),
    ]);
    expect((await ask(operation, accountId, moveId, header))[0]).not.toBe(401);
  },
);

test('while the directory changes its key a shard knows both, and the old one no more afterwards', async () => {
  const next = newDirectoryKey();
  const during = await startHarness({ DIRECTORY_PUBLIC_KEYS: `[${DIRECTORY_PUBLIC_KEYS},${next.publicKey}]` });
  const after = await startHarness({ DIRECTORY_PUBLIC_KEYS: next.publicKey });
  try {
    const grant = { operationId: 'GetAccount', accountId: randomUUID() };
    const old = await directoryHeader(grant);
    const fresh = {
      authorization: `Bearer ${await signDirectoryToken(readSigningKey(next.privateKey), 'au1', grant)}`,
    };
    const statusAt = async (at: Harness, headers: Record<string, string>) =>
      (await at.send(`/caregate/v1/accounts/${grant.accountId}`, { headers })).status;
    expect([await statusAt(during, old), await statusAt(during, fresh)]).toEqual([404, 404]);
    expect([await statusAt(after, old), await statusAt(after, fresh)]).toEqual([401, 404]);
  } finally {
    await Promise.all([during.close(), after.close()]);
  }
});

test('a shard that knows no directory takes nothing from any', async () => {
  const alone = await startHarness({ DIRECTORY_PUBLIC_KEYS: '' });
  try {
    const accountId = randomUUID();
    const headers = await directoryHeader({ operationId: 'GetAccount', accountId });
    expect((await alone.send(`/caregate/v1/accounts/${accountId}`, { headers })).status).toBe(401);
  } finally {
    await alone.close();
  }
});

test('what the directory does to an account is in the audit of each of its clinics, once for each operation of a move', async () => {
  const moving = await newAccount(harness);
  const api = harness.withKey((await moving.newKey()).key);
  const clinics = [await newClinic(api), await newClinic(api)].map(({ id = '' }) => id);
  const moveId = randomUUID();
  const directory = harness.directory();
  const path = { accountId: moving.accountId };
  answered(await directory.POST('/caregate/v1/accounts/{accountId}/departure', { params: { path }, body: { moveId } }));
  for (const collection of ['clinics', 'patients']) {
    const headers = await directoryHeader({ operationId: 'ExportDocuments', accountId: moving.accountId, moveId });
    const url = `/caregate/v1/accounts/${moving.accountId}/departure/documents?collection=${collection}`;
    expect((await harness.send(url, { headers })).status).toBe(200);
  }
  for (const clinicId of clinics) {
    // What no write followed is seen once it is on the disks.
    const ofDirectory = await eventually(async () => {
      const { entries } = answered(
        await harness
          .account({ token: `user:${moving.owner.userId}` })
          .GET('/caregate/v1/clinics/{clinicId}/audit', { params: { path: { clinicId } } }),
      );
      const found = entries.filter(({ caller }) => caller.kind === 'directory');
      return found.length >= 2 && found;
    }, 'two entries of the directory');
    expect(ofDirectory.map(({ operationId, record }) => [operationId, record])).toEqual([
      ['ExportDocuments', moveId],
      ['BeginDeparture', moveId],
    ]);
  }
});

test('what the directory asked and was refused is in the audit as refused, each time', async () => {
  const active = await newAccount(harness);
  const { id: clinicId = '' } = await newClinic(harness.withKey((await active.newKey()).key));
  const [moveId, { accountId }] = [randomUUID(), active];
  const asked = async (operationId: string) => {
    const operation = ofMoves.find((one) => one.operationId === operationId);
    if (!operation) throw new Error(`moves ask for ${operationId}`);
    const [status] = await ask(operation, accountId, moveId, await directoryHeader({ operationId, accountId, moveId }));
    return [operationId, status];
  };
  const order = ['ActivateArrival', 'ActivateArrival', 'SealFence', 'ExportDocuments', 'ExportDocuments'];
  const answers = [];
  for (const operationId of order) answers.push(await asked(operationId));
  expect(answers.map(([, status]) => status)).toEqual([404, 404, 409, 200, 200]);
  const told = async () => {
    const { entries } = answered(
      await harness
        .account({ token: `user:${active.owner.userId}` })
        .GET('/caregate/v1/clinics/{clinicId}/audit', { params: { path: { clinicId } } }),
    );
    return entries
      .filter(({ caller }) => caller.kind === 'directory')
      .map(({ operationId, status }) => [operationId, status])
      .reverse();
  };
  const once = answers.slice(0, -1); // what succeeds is told once
  await eventually(async () => JSON.stringify(await told()) === JSON.stringify(once), 'outcomes that are noted behind');
});
