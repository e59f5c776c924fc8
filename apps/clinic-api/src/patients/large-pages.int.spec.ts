import { Types } from 'mongoose';
import { newAccount } from '../../test/accounts.ts';
import { answered, type Harness, newClinic, startHarness, statusOf } from '../../test/harness.ts';
import { newPatient } from '../../test/patients.ts';
import { LargePages } from './large-pages.ts';

let harness: Harness;
beforeAll(async () => void (harness = await startHarness()));
afterAll(() => harness.close());

/** An account whose patients together are larger than what is read out of turn. */
async function accountOfLargePatients() {
  const account = await newAccount(harness);
  const api = account.owner.api;
  const { id: clinicId } = await newClinic(api);
  await newPatient(api, clinicId);
  const one = await harness.models.patients.findOne({ clinicId: new Types.ObjectId(clinicId) }).lean();
  const targetDevices = Array.from({ length: 100 }, () => 'x'.repeat(100));
  const many = Array.from({ length: 250 }, (_, n) => {
    const userId = n.toString(16).padStart(10, '0');
    return { ...one, _id: new Types.ObjectId(), userId, targetDevices };
  });
  await harness.models.patients.collection.insertMany(many as never); // as the one that was read
  const list = (limit: number) =>
    api.GET('/v1/clinics/{clinicId}/patients', { params: { path: { clinicId }, query: { limit } } });
  const find = (limit: number) => api.GET('/v1/patients', { params: { query: { birthDate: '1990-01-01', limit } } });
  return { accountId: account.accountId, list, find, userId: account.owner.userId };
}

test('large pages of an account are refused while too many of its own are wanted; small ones, and those of others, are not', async () => {
  const [mine, others] = [await accountOfLargePatients(), await accountOfLargePatients()];
  expect(answered(await mine.list(1_000)).data).toHaveLength(251);
  expect(answered(await mine.find(1_000))).toHaveLength(251);
  const pages = harness.app.get(LargePages);
  let letGo: () => void = () => {};
  const until = new Promise<void>((resolve) => (letGo = resolve));
  const held = [mine.accountId, mine.userId].flatMap((tenant) =>
    Array.from({ length: 4 }, () => pages.inTurn(tenant, () => until)),
  );
  for (const refused of [await mine.list(1_000), await mine.find(1_000)]) {
    expect(statusOf(refused)).toBe(429);
    expect(refused.response.headers.get('retry-after')).toBe('1');
    expect(refused.error).toEqual({ message: expect.stringMatching(/ask for fewer patients by limit/) });
  }
  expect(answered(await mine.list(10)).data).toHaveLength(10);
  expect(answered(await mine.find(10))).toHaveLength(10);
  expect(answered(await others.list(10)).data).toHaveLength(10);
  letGo();
  await Promise.all(held);
  expect(answered(await others.list(1_000)).data).toHaveLength(251);
  expect(answered(await mine.list(1_000)).data).toHaveLength(251);
});
