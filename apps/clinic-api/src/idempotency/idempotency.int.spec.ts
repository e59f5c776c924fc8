import { randomUUID } from 'node:crypto';
import type { UserId } from '@caregate/identity';
import { inTransaction } from '@caregate/service';
import { answered, type Harness, newClinic, startHarness, statusOf } from '../../test/harness.ts';
import { newAccount } from '../../test/accounts.ts';
import { newUserId } from '../../test/identity-server.ts';
import type { IdempotencyRecord } from './idempotency.repository.ts';
import { Idempotency } from './idempotency.service.ts';
import { KeyedRequest } from './keyed-request.ts';

const CLINICIANS = '/v1/clinics/{clinicId}/clinicians';
const LONG_AGO = new Date(0);

let harness: Harness;
let clinicId: string;
beforeAll(async () => {
  harness = await startHarness();
  clinicId = (await newClinic(harness.newUser().api)).id;
});
afterAll(() => harness.close());

const headers = (key: string) => ({ 'Idempotency-Key': key });
const member = () => {
  const id = newUserId();
  return { id, email: `${id}@example.test`, name: 'Mia Member', roles: ['CLINIC_MEMBER' as const] };
};
const create = (key: string, body = member(), service = 'server') =>
  harness.asService(service).POST(CLINICIANS, { params: { path: { clinicId }, header: headers(key) }, body });
const made = (id: UserId) => harness.models.clinicians.countDocuments({ userId: id });
const records = () => harness.connection.collection<IdempotencyRecord>('idempotency_records');
const recordOf = async (key: string, service = 'service:server') => {
  const { id } = new KeyedRequest(service, key, { operationId: '', params: {}, query: {}, body: {} });
  return records().findOne({ _id: id });
};

test('a request that is sent again gets the first answer, to the letter, and is not carried out again', async () => {
  const key = randomUUID();
  const body = member();
  const first = await create(key, body);
  const again = await create(key, body);
  expect(answered(again)).toEqual(answered(first));
  expect(again.response.headers.get('idempotent-replayed')).toBe('true');
  expect(again.response.headers.get('content-type')).toBe(first.response.headers.get('content-type'));
  expect(await made(body.id)).toBe(1);
});

test('of many at once one is carried out and all get its answer', async () => {
  const key = randomUUID();
  const body = member();
  const answers = await Promise.all(Array.from({ length: 12 }, () => create(key, body)));
  expect(new Set(answers.map((answer) => JSON.stringify(answered(answer)))).size).toBe(1);
  expect(await made(body.id)).toBe(1);
});

test('without a key, or with another, it is carried out again', async () => {
  const body = member();
  answered(await create(randomUUID(), body));
  expect(statusOf(await create(randomUUID(), body))).toBe(409);
});

test('a key that was used for another request is refused', async () => {
  const key = randomUUID();
  answered(await create(key));
  expect(statusOf(await create(key, member()))).toBe(422);
  const other = await harness
    .newUser()
    .api.POST('/v1/clinics', { params: { header: headers(key) }, body: { name: 'X', preferredBgUnits: 'mg/dL' } });
  expect(statusOf(other)).toBe(200); // the same key of another caller is another key
});

test('the same key of two services are two', async () => {
  const key = randomUUID();
  const [one, two] = [member(), member()];
  expect(answered(await create(key, one, 'one')).id).toBe(one.id);
  expect(answered(await create(key, two, 'two')).id).toBe(two.id);
});

test('a refusal is told again, even when the reason is gone', async () => {
  const key = randomUUID();
  const body = member();
  answered(await create(randomUUID(), body));
  const refused = await create(key, body);
  expect(statusOf(refused)).toBe(409);
  await harness.models.clinicians.deleteOne({ userId: body.id });
  const again = await create(key, body);
  expect([statusOf(again), again.error]).toEqual([409, refused.error]);
});

test('an answer without a body is told again without one', async () => {
  const key = randomUUID();
  const update = () =>
    harness.asService().POST('/v1/clinics/{clinicId}/tier', {
      params: { path: { clinicId }, header: headers(key) },
      body: { tier: 'tier0200' },
    });
  const [first, again] = [await update(), await update()];
  expect([statusOf(first), statusOf(again)]).toEqual([200, 200]);
  expect(again.response.headers.get('content-length')).toBe(first.response.headers.get('content-length'));
  expect(again.response.headers.get('idempotent-replayed')).toBe('true');
});

test('an API key is made and replaced once, and shown again to whoever sends the same request', async () => {
  const { accountId, owner } = await newAccount(harness);
  const account = harness.account({ token: `user:${owner.userId}` });
  const path = { accountId };
  const [toMake, toReplace] = [randomUUID(), randomUUID()];
  const make = () =>
    account.POST('/caregate/v1/accounts/{accountId}/api_keys', {
      params: { path, header: headers(toMake) },
      body: { name: 'Lab' },
    });
  const made = answered(await make());
  const madeAgain = await make();
  expect(answered(madeAgain)).toEqual(made);
  expect(statusOf(madeAgain)).toBe(201);
  const replace = () =>
    account.POST('/caregate/v1/accounts/{accountId}/api_keys/{keyId}/rotate', {
      params: { path: { accountId, keyId: made.id }, header: headers(toReplace) },
    });
  const replaced = answered(await replace());
  expect(replaced.key).not.toBe(made.key);
  expect(answered(await replace())).toEqual(replaced);
  const record = await recordOf(toReplace, owner.userId);
  expect(JSON.stringify(record) + Buffer.from(record?.answer?.sealed.buffer ?? []).toString('latin1')) //
    .not.toContain(replaced.key);
  expect(statusOf(await harness.withKey(replaced.key).GET('/v1/patients'))).toBe(200);
});

test('a report that was asked for as CSV is told again as CSV', async () => {
  const target = (await newClinic(harness.newUser().api)).id;
  const key = randomUUID();
  const report = () =>
    harness.send(`/v1/clinics/${target}/reports/merge`, {
      method: 'POST',
      token: 'server:server',
      headers: { accept: 'text/csv', 'idempotency-key': key },
      body: JSON.stringify({ sourceId: clinicId }),
    });
  const [first, again] = [await report(), await report()];
  expect(again.headers.get('idempotent-replayed')).toBe('true');
  expect(first.headers.get('content-type')).toBe('text/csv; charset=utf-8');
  expect([again.body, again.headers.get('content-type')]).toEqual([first.body, first.headers.get('content-type')]);
});

test('a malformed key is refused before anything happens', async () => {
  const body = member();
  const answer = await harness.send(`/v1/clinics/${clinicId}/clinicians`, {
    method: 'POST',
    token: 'server:server',
    headers: { 'idempotency-key': 'x'.repeat(256) },
    body: JSON.stringify(body),
  });
  expect(answer.status).toBe(400);
  expect(await made(body.id)).toBe(0);
});

test('what is kept tells nothing about anybody, nor the key, and goes after a day', async () => {
  const key = randomUUID();
  const body = member();
  answered(await create(key, body));
  const record = await recordOf(key);
  const text = JSON.stringify(record) + Buffer.from(record?.answer?.sealed.buffer ?? []).toString('latin1');
  for (const secret of [key, body.email, 'Mia', body.id]) expect(text).not.toContain(secret);
  expect((record?.expiresTime.getTime() ?? 0) - (record?.createdTime.getTime() ?? 0)).toBe(24 * 60 * 60 * 1000);
  expect(await records().indexes()).toContainEqual(
    expect.objectContaining({ key: { expiresTime: 1 }, expireAfterSeconds: 0 }),
  );
});

describe('when a server stops in the middle', () => {
  /** Leaves the record of a request as a server does that stops. */
  async function stopped(key: string, carriedOut: boolean) {
    const record = await recordOf(key);
    await records().updateOne(
      { _id: record?._id ?? '' },
      { $set: { leaseUntil: LONG_AGO }, $unset: { answer: 1, ...(!carriedOut && { carriedOut: 1 }) } },
    );
  }

  test('before the change, the request that is sent again is carried out', async () => {
    const key = randomUUID();
    const body = member();
    answered(await create(key, body));
    await harness.models.clinicians.deleteOne({ userId: body.id });
    await stopped(key, false);
    const answers = await Promise.all([1, 2, 3].map(() => create(key, body)));
    expect(answers.map(statusOf)).toEqual([200, 200, 200]);
    expect(await made(body.id)).toBe(1);
  });

  test('after the change, nothing new is made a second time, and the client is told', async () => {
    const key = randomUUID();
    const body = member();
    answered(await create(key, body));
    expect((await recordOf(key))?.carriedOut).toBe(true);
    await stopped(key, true);
    await harness.models.clinicians.deleteOne({ userId: body.id }); // so that only the record can know
    expect(statusOf(await create(key, body))).toBe(409);
    expect(await made(body.id)).toBe(0);
  });

  test('an attempt that was away for too long commits nothing any more', async () => {
    const idempotency = harness.app.get(Idempotency);
    const request = new KeyedRequest('service:slow', randomUUID(), {
      operationId: 'CreateSite',
      params: {},
      query: {},
      body: {},
    });
    const written = harness.connection.collection('written');
    const answer = { status: 200, headers: {}, body: undefined };
    let wake = () => {};
    const asleep = new Promise<void>((resolve) => (wake = resolve));
    let begun = () => {};
    const running = new Promise<void>((resolve) => (begun = resolve));
    const slow = idempotency.once(request, () =>
      inTransaction(harness.connection, async (session) => {
        await written.insertOne({ by: 'slow' }, { session });
        begun();
        await asleep;
        return answer;
      }),
    );
    await running;
    await records().updateOne({ _id: request.id }, { $set: { leaseUntil: LONG_AGO } });
    await idempotency.once(request, () =>
      inTransaction(harness.connection, async (session) => {
        await written.insertOne({ by: 'fast' }, { session });
        return answer;
      }),
    );
    wake();
    await expect(slow).rejects.toThrow('still being carried out');
    expect(await written.find().toArray()).toMatchObject([{ by: 'fast' }]);
  });
});
