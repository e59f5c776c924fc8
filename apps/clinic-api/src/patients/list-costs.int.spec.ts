import type { ClinicClient } from '@caregate/contracts';
import { newObjectId, objectId, type PatientDocument, repairCounts, searchFields } from '@caregate/clinic-model';
import { answered, type Harness, newClinic, startHarness } from '../../test/harness.ts';
import { newUserId } from '../../test/identity-server.ts';
import { cgmSummary } from '../../test/patients.ts';
import { summaryChanges } from './summaries.ts';

const PATIENTS = 400;
const PAGE = 5;

let harness: Harness;
let api: ClinicClient;
let clinicId: string;
const [common, rare] = [newObjectId(), newObjectId()];

beforeAll(async () => {
  harness = await startHarness();
  ({ api } = harness.newUser());
  clinicId = (await newClinic(api)).id;
  const { connection, models } = harness;
  const _id = objectId(clinicId) ?? newObjectId();
  await models.patients.collection.insertMany(Array.from({ length: PATIENTS }, (_, i) => patient(_id, i)));
  await repairCounts({ connection, models, isDemo: () => false }, _id);
  await connection.db?.setProfilingLevel('all');
});
afterAll(async () => {
  await harness.connection.db?.setProfilingLevel('off');
  await harness.close();
});

/** Every second has a summary, every fourth with good figures; every tenth is tagged, every hundredth twice; names are all alike but for a number. */
function patient(clinic: ReturnType<typeof newObjectId>, i: number): PatientDocument {
  const person = { fullName: `Person ${String(i).padStart(4, '0')}`, birthDate: '1990-01-01', mrn: `M${i}` };
  const now = new Date();
  const lastData = new Date(Date.UTC(2026, 0, 1, 0, i)).toISOString();
  const summary = cgmSummary({ lastData, periods: { '14d': { timeInTargetPercent: i % 4 === 0 ? 0.9 : 0.1 } } });
  return {
    _id: newObjectId(),
    clinicId: clinic,
    userId: newUserId(),
    ...person,
    ...searchFields(person),
    permissions: { view: {} },
    tags: [...(i % 10 === 0 ? [common] : []), ...(i % 100 === 0 ? [rare] : [])],
    sites: [],
    ...(i % 2 === 0 && { summary: { cgmStats: summaryChanges(summary as never)['summary.cgmStats'] } }), // made as the data service makes it
    createdTime: now,
    updatedTime: now,
  };
}

/** Asks for a list and gives what the database did for it. */
async function costOf(query: object) {
  const { db } = harness.connection;
  const before = new Date();
  const answer = answered(
    await api.GET('/v1/clinics/{clinicId}/patients', {
      params: { path: { clinicId }, query: { limit: PAGE, ...query } },
    }),
  );
  const operations = await db
    ?.collection('system.profile')
    .find({ ns: `${db.databaseName}.patients`, ts: { $gte: before } })
    .toArray();
  const sum = (field: string) =>
    (operations ?? []).reduce((total, operation) => total + Number(operation[field] ?? 0), 0);
  return {
    count: answer.meta?.count,
    shown: answer.data?.length,
    documents: sum('docsExamined'),
    keys: sum('keysExamined'),
  };
}

test.each([
  ['in name order', {}, PATIENTS],
  ['in name order, backwards', { sort: '-fullName', sortType: 'cgm' }, PATIENTS],
  ['by birth date', { sort: '+birthDate', sortType: 'cgm' }, PATIENTS],
  ['by last data', { sort: '-lastData', sortType: 'cgm' }, PATIENTS],
  ['of a tag', { tags: [common.toHexString()] }, 40],
])('a page %s is as far as an index is walked', async (_, query, count) => {
  const cost = await costOf(query);
  expect(cost).toMatchObject({ count, shown: PAGE });
  expect(cost.documents).toBeLessThanOrEqual(PAGE);
  expect(cost.keys).toBeLessThanOrEqual(3 * PAGE); // some are found in order first and then read by id
});

test.each([
  ['a search by a short text', { search: 'on' }, PATIENTS],
  ['a search by a text that all have', { search: 'person' }, PATIENTS],
  ['a filter on a figure', { 'cgm.timeInTargetPercent': '>0.5' }, 100],
  ['an order by a figure', { sort: '+timeInTargetPercent', sortType: 'cgm' }, PATIENTS],
  ['a filter on the last data', { 'cgm.lastDataFrom': '2026-01-01T03:00:00Z' }, 110],
])('%s is decided in an index: only patients of the page are read', async (_, query, count) => {
  const cost = await costOf(query);
  expect(cost).toMatchObject({ count, shown: PAGE });
  expect(cost.documents).toBeLessThanOrEqual(PAGE);
});

test('what has no index looks only at those who may match', async () => {
  expect((await costOf({ search: 'son 0123' })).documents).toBeLessThanOrEqual(2 * 10); // those with a piece as rare as "123", counted and read
  expect((await costOf({ tags: [common.toHexString(), rare.toHexString()] })).documents).toBeLessThanOrEqual(2 * 4);
  expect((await costOf({ 'cgm.timeInLowMinutes': '>1' })).documents).toBeLessThanOrEqual(PATIENTS); // half have a summary; counted and read
  expect((await costOf({ 'cgm.timeInTargetPercent': '>0.5', period: '7d' })).documents).toBe(0);
  expect((await costOf({ lastReviewed: '2026-01-01T00:00:00Z' })).documents).toBe(0);
});
