import { newObjectId, objectId, type PatientDocument, repairCounts, searchFields } from '@caregate/clinic-model';
import { mongo } from 'mongoose';
import { type Harness, newClinic, startHarness } from '../../test/harness.ts';
import { newUserId } from '../../test/identity-server.ts';
import { type FilterInput, filterOf } from './list-filter.ts';
import { orderOf, type SortInput } from './list-sort.ts';
import { FEW, NOT_FAR } from './list-ways.ts';
import { PatientListsRepository } from './patient-lists.repository.ts';

const PATIENTS = FEW + 50;

let harness: Harness;
let lists: PatientListsRepository;
let clinicId: ReturnType<typeof newObjectId>;
const tag = newObjectId();

let state = 7;
const random = (below: number) => ((state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) >>> 8) % below;

beforeAll(async () => {
  harness = await startHarness();
  const { models, connection, app } = harness;
  clinicId = objectId((await newClinic(harness.newUser().api)).id);
  await models.patients.collection.insertMany(Array.from({ length: PATIENTS }, anyPatient));
  await repairCounts({ connection, models, isDemo: () => false }, clinicId);
  lists = app.get(PatientListsRepository, { strict: false });
});
afterAll(() => harness.close());

/** Names and birth dates are few, so that many are equal; some have no summary, some no figure in it. */
function anyPatient(): PatientDocument {
  const person = { fullName: ['Ada', 'Émile', 'zoe', 'Bo'][random(4)] ?? '', birthDate: `199${random(5)}-01-01` };
  const lastData = random(4) > 0 && { lastData: new Date(Date.UTC(2026, 0, 1 + random(30))) };
  const cgmStats = { dates: { ...lastData }, periods: { '14d': random(8) > 0 ? { max: random(10) } : {} } };
  return {
    ...{ _id: newObjectId(), clinicId, userId: newUserId(), ...person, ...searchFields(person) },
    ...{ permissions: { view: {} }, tags: random(3) === 0 ? [tag] : [], sites: [] },
    ...(random(9) > 0 && { summary: { cgmStats } }),
    ...{ createdTime: new Date(), updatedTime: new Date() },
  };
}

const orders = ['fullName', 'birthDate', 'lastData'].flatMap((attribute) =>
  ['+', '-'].map((direction) => ({ sort: direction + attribute, sortType: 'cgm' })),
);
const filters = [
  { 'cgm.max': '>=0' },
  { 'cgm.max': '>4' },
  { 'cgm.max': '>8' },
  { 'cgm.max': '>99' },
  { 'cgm.lastDataFrom': '2026-01-05T00:00:00Z' },
  { tags: ['untagged'] },
] as FilterInput[]; // computed names

test.each(orders.flatMap((order) => filters.map((filter) => ({ ...order, ...filter }))))(
  'pages at the beginning of %j, filled along an index, are the beginning of the whole list',
  async (query: FilterInput & SortInput) => {
    const ask = async (page: { limit: number; offset: number }) => {
      const { patients, count } = await lists.list(clinicId, filterOf(query), orderOf(query), page);
      return { count, ids: patients.map((patient) => String(mongo.BSON.deserialize(patient)['_id'])) };
    };
    const whole = await ask({ limit: PATIENTS, offset: 0 });
    expect(whole.ids).toHaveLength(whole.count);
    for (const limit of [1, 10, NOT_FAR / 2]) {
      for (const offset of [0, limit]) {
        const page = await ask({ limit, offset });
        expect(page).toEqual({ count: whole.count, ids: whole.ids.slice(offset, offset + limit) });
      }
    }
  },
);
