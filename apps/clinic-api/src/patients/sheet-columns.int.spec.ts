import type { ClinicClient } from '@caregate/contracts';
import { objectId } from '@caregate/clinic-model';
import { mongo } from 'mongoose';
import { answered, type Harness, newClinic, startHarness } from '../../test/harness.ts';
import { cgmSummary, newPatient, setSummary } from '../../test/patients.ts';
import { type FilterInput, filterOf } from './list-filter.ts';
import { orderOf, type SortInput } from './list-sort.ts';
import { PatientListsRepository } from './patient-lists.repository.ts';

/** Two copies of the app on one database: one keeps what it knows of the sheets, the other reads them anew each time. */
let [keeping, reading]: Harness[] = [];
let api: ClinicClient;
let clinicId: string;
let tag: string;
const patients: string[] = [];

let state = 7;
const random = (below: number) => ((state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) >>> 8) % below;
const someone = () => patients[random(patients.length)] ?? '';
const name = () => `${['Ada', 'Émile', 'zoe', 'Bo'][random(4)]} ${random(5)}`;

beforeAll(async () => {
  reading = await startHarness({ SHEET_CACHE_MIB: '0' });
  keeping = await startHarness({ MONGODB_URI: reading.uri });
  ({ api } = reading.newUser());
  clinicId = (await newClinic(api)).id;
  const params = { path: { clinicId } };
  ({ id: tag } = answered(
    await api.POST('/v1/clinics/{clinicId}/patient_tags', { params, body: { name: 'Tag' } as never }),
  ));
});
afterAll(async () => {
  await keeping?.close();
  await reading?.close();
});

const anyPatient = () => ({ fullName: name(), tags: random(3) === 0 ? [tag] : [] });
const done = async (change: Promise<{ response: Response }>) =>
  expect((await change).response.status).toBeLessThan(300);
const pathOf = (patientId: string) => ({ params: { path: { clinicId, patientId } } });

const changes: Readonly<Record<string, () => Promise<unknown>>> = {
  comes: async () => patients.push((await newPatient(api, clinicId, anyPatient())).id),
  goes: () => done(api.DELETE('/v1/clinics/{clinicId}/patients/{patientId}', pathOf(patients.shift() ?? ''))),
  changes: () =>
    done(
      api.PUT('/v1/clinics/{clinicId}/patients/{patientId}', {
        ...pathOf(someone()),
        body: { birthDate: `199${random(9)}-01-01`, ...anyPatient() } as never,
      }),
    ),
  'has new data': () => {
    const lastData = new Date(Date.UTC(2026, 0, 1 + random(30))).toISOString();
    const periods: Record<string, Record<string, number>> = random(8) > 0 ? { '14d': { max: random(10) } } : {};
    return setSummary(harness(reading), someone(), cgmSummary({ lastData, periods }));
  },
};
const harness = (given: Harness | undefined): Harness => {
  if (!given) throw new Error('the app has not started');
  return given;
};

const QUESTIONS = [
  { sort: '+max', sortType: 'cgm' },
  { 'cgm.max': '>4', sort: '-max', sortType: 'cgm' },
  { 'cgm.max': '>=0', 'cgm.lastDataFrom': '2026-01-05T00:00:00Z', sort: '-birthDate', sortType: 'cgm' },
  { tags: ['untagged'], sort: '+lastData', sortType: 'cgm' },
  { search: 'e', sort: '+fullName', sortType: 'cgm' },
] as (FilterInput & SortInput)[]; // computed names

async function answersOf(given: Harness | undefined) {
  const lists = harness(given).app.get(PatientListsRepository, { strict: false });
  const answers = QUESTIONS.map(async (query) => {
    const page = { limit: 100, offset: 0 };
    const { count, patients: found } = await lists.list(objectId(clinicId), filterOf(query), orderOf(query), page);
    return { query, count, names: found.map((patient) => mongo.BSON.deserialize(patient)['fullName'] as string) };
  });
  return Promise.all(answers);
}

test('who keeps what it knows of the sheets answers as who reads them anew, whatever another copy has changed', async () => {
  for (let i = 0; i < 20; i++) await changes['comes']?.();
  for (let round = 0; round < 40; round++) {
    const names = Object.keys(changes).filter((each) => each !== 'goes' || patients.length > 10);
    for (let i = random(3); i >= 0; i--) await changes[names[random(names.length)] ?? '']?.();
    expect(await answersOf(keeping)).toEqual(await answersOf(reading));
  }
});

test('what has not changed is not read again', async () => {
  const { db } = harness(keeping).connection;
  const columnsReadBy = async (given: Harness | undefined) => {
    const before = new Date();
    await answersOf(given);
    const reads = await db
      ?.collection('system.profile')
      .find({ ns: `${db.databaseName}.patient_sheets`, ts: { $gte: before }, 'command.projection.stamp': 1 })
      .toArray();
    return (reads ?? []).flatMap(({ command }) => Object.keys((command as { projection: object }).projection));
  };
  await answersOf(keeping);
  await db?.setProfilingLevel('all');
  const [kept, whole] = [await columnsReadBy(keeping), await columnsReadBy(reading)];
  await db?.setProfilingLevel('off');
  expect(new Set(kept)).toEqual(new Set(['stamp']));
  expect(whole).toEqual(expect.arrayContaining(['stamp', 'name', 'glucose']));
});
