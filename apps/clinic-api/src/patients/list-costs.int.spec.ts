import type { ClinicClient } from '@caregate/contracts';
import { newObjectId, objectId, type PatientDocument, repairCounts, searchFields } from '@caregate/clinic-model';
import { answered, type Harness, newClinic, startHarness } from '../../test/harness.ts';
import { newUserId } from '../../test/identity-server.ts';
import { cgmSummary } from '../../test/patients.ts';
import { FEW } from './list-ways.ts';
import { summaryChanges } from './summaries.ts';

const PATIENTS = FEW + 600;
const PAGE = 5;

const MANY_FIGURES = {
  'cgm.timeInTargetPercent': '>0.5',
  'cgm.min': '>0',
  sort: '-timeInTargetPercent',
  sortType: 'cgm',
};

let harness: Harness;
let api: ClinicClient;
let clinicId: string;
const [common, rare] = [newObjectId(), newObjectId()];

beforeAll(async () => {
  harness = await startHarness();
  ({ api } = harness.newUser());
  clinicId = (await newClinic(api)).id;
  const { connection, models } = harness;
  const _id = objectId(clinicId);
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
    .find({ ns: { $regex: `^${db.databaseName}.patient` }, ts: { $gte: before } })
    .toArray();
  const ofCounts = (operation: object) => JSON.stringify(operation).includes(':counts:'); // they stand beside the sheets
  const sum = (field: string, collection: string) =>
    (operations ?? [])
      .filter((operation) => operation['ns'] === `${db?.databaseName}.${collection}` && !ofCounts(operation))
      .reduce((total, operation) => total + Number(operation[field] ?? 0), 0);
  return {
    count: answer.meta?.count,
    shown: answer.data?.length,
    documents: sum('docsExamined', 'patients'),
    keys: sum('keysExamined', 'patients'),
    sheets: sum('docsExamined', 'patient_sheets'),
  };
}

test.each([
  ['in name order', {}, PATIENTS],
  ['in name order, backwards', { sort: '-fullName', sortType: 'cgm' }, PATIENTS],
  ['by birth date', { sort: '+birthDate', sortType: 'cgm' }, PATIENTS],
  ['of a tag', { tags: [common.toHexString()] }, 70],
])('a page %s is as far as an index is walked', async (_, query, count) => {
  const cost = await costOf(query);
  expect(cost).toMatchObject({ count, shown: PAGE, sheets: 0 });
  expect(cost.documents).toBeLessThanOrEqual(PAGE);
  expect(cost.keys).toBeLessThanOrEqual(PAGE + 1);
});

/** Sheets of a clinic of any size, of one part. */
const A_PART = 128;

test.each([
  ['a search by a short text', { search: 'on' }, PATIENTS, 1],
  ['a search by a text that all have', { search: 'person' }, PATIENTS, 1],
  ['a filter on a figure', { 'cgm.timeInTargetPercent': '>0.5' }, 175, 2],
  ['a filter on a figure, most match', { 'cgm.timeInTargetPercent': '>0' }, 350, 2],
  ['a filter on two, in the order of a third', MANY_FIGURES, 175, 1],
  ['a filter on any other figure', { 'cgm.timeInLowMinutes': '>=0' }, 0, 2],
  ['an order by a figure', { sort: '+timeInTargetPercent', sortType: 'cgm' }, PATIENTS, 2],
  ['an order by any other figure', { sort: '-maxDelta', sortType: 'cgm', period: '14d' }, PATIENTS, 2],
  ['an order by last data', { sort: '-lastData', sortType: 'cgm' }, PATIENTS, 1],
  ['an order by a figure, far in', { sort: '+timeInTargetPercent', sortType: 'cgm', offset: 600 }, PATIENTS, 2],
  ['a filter on the last data', { 'cgm.lastDataFrom': '2026-01-01T03:00:00Z' }, 260, 2],
  ['those without a tag', { tags: ['none'] }, 630, 1],
  ['standard ranges only', { omitNonStandardRanges: true }, PATIENTS, 1],
  ['those who were not reviewed since', { lastReviewed: '2026-01-01T00:00:00Z' }, 0, 1],
  ['another period', { 'cgm.timeInTargetPercent': '>0.5', period: '7d' }, 0, 1],
])('%s is decided on the sheets: only patients of the page are read', async (_, query, count, parts) => {
  const cost = await costOf(query);
  expect(cost).toMatchObject({ count, shown: Math.min(PAGE, count) });
  expect(cost.documents).toBeLessThanOrEqual(PAGE);
  expect(cost.keys).toBeLessThanOrEqual(3 * PAGE);
  expect(cost.sheets).toBeLessThanOrEqual(parts * A_PART);
});

test('a rare label leads to those few who may match', async () => {
  const byTags = await costOf({ tags: [common.toHexString(), rare.toHexString()] });
  expect(byTags).toMatchObject({ sheets: 0, count: 7 });
  expect(byTags.documents).toBeLessThanOrEqual(7 + PAGE);
});
