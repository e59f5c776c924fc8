import { objectId } from '@caregate/clinic-model';
import type { ClinicClient } from '@caregate/contracts';
import { ClientGone } from '@caregate/service';
import { answered, type Harness, newClinic, startHarness, statusOf } from '../../test/harness.ts';
import { cgmSummary, type NewPatient, newPatient, setSummary } from '../../test/patients.ts';
import { filterOf } from './list-filter.ts';
import { orderOf } from './list-sort.ts';
import { type Page, PatientListsRepository } from './patient-lists.repository.ts';

let harness: Harness;
let api: ClinicClient;
let clinicId: string;
let token: string;
const tags: string[] = [];
const sites: { id: string; name: string }[] = [];
const ids: Record<string, string> = {};

/** Six patients, of which each test sees another side. */
const PEOPLE: Record<string, NewPatient> = {
  alpha: { fullName: 'alpha Ant', birthDate: '1990-01-01', mrn: 'M-100' },
  beta: { fullName: 'Beta Bee', birthDate: '1985-05-05', mrn: 'M-101' },
  carol: { fullName: 'carol Cat', birthDate: '2000-12-31' },
  delta: { fullName: 'Delta Dog', birthDate: '1970-07-07' },
  emile: { fullName: 'Émile Eel', birthDate: '1999-09-09', glycemicRanges: { type: 'preset', preset: 'adaHighRisk' } },
  fox: { fullName: 'fox (F.)', birthDate: '1999-09-10', glycemicRanges: { type: 'preset' } },
};
const NAMES = Object.values(PEOPLE).map(({ fullName }) => fullName);

beforeAll(async () => {
  harness = await startHarness();
  const user = harness.newUser();
  ({ api } = user);
  token = `user:${user.userId}`;
  clinicId = (await newClinic(api)).id;
  const params = { path: { clinicId } };
  for (const name of ['One', 'Two']) {
    tags.push(answered(await api.POST('/v1/clinics/{clinicId}/patient_tags', { params, body: { name } as never })).id);
    const { id } = answered(await api.POST('/v1/clinics/{clinicId}/sites', { params, body: { name } }));
    sites.push({ id, name });
  }
  const groups: Record<string, NewPatient> = {
    delta: { tags, sites: sites.slice(0, 1) },
    emile: { tags: tags.slice(0, 1), sites },
  };
  for (const [key, given] of Object.entries(PEOPLE))
    ids[key] = (await newPatient(api, clinicId, { ...given, ...groups[key] })).id;
  await summarise('alpha', '2026-06-15T12:00:00Z', {
    '14d': { timeInTargetPercent: 0.85, totalRecords: 8, timeInTargetPercentDelta: -0.2 },
    '7d': { timeInTargetPercent: 0.2 },
  });
  await summarise('beta', '2026-06-01T00:00:00Z', {
    '14d': { timeInTargetPercent: 0.3, totalRecords: 3, timeInTargetPercentDelta: 0.3 },
    '7d': { timeInTargetPercent: 0.9 },
  });
});
afterAll(() => harness.close());

const summarise = (key: string, lastData: string, periods: Record<string, Record<string, number>>) =>
  setSummary(harness, ids[key] ?? '', cgmSummary({ lastData, periods }));
const ask = (query: object) => api.GET('/v1/clinics/{clinicId}/patients', { params: { path: { clinicId }, query } });
const list = async (query: object) => answered(await ask(query));
const names = async (query: object) => (await list(query)).data?.map(({ fullName }) => fullName);

test('lists are in name order without regard to case and accents, with what matches and what there is', async () => {
  const { data, meta } = await list({});
  expect(data?.map(({ fullName }) => fullName)).toEqual(NAMES);
  expect(meta).toEqual({ count: 6, totalCount: 6 });
  expect((await list({ search: 'ant' })).meta).toEqual({ count: 1, totalCount: 6 });
});

test.each(['', 'BEE', 'M-10', '1999', 'a', 'e', '(f', '.', 'no such'])(
  'pages of a search for %j are stable, disjoint and together all of it',
  async (search) => {
    const all = await names({ search, limit: 100 });
    const pages: (string[] | undefined)[] = [];
    for (let offset = 0; offset < 8; offset += 2) {
      const page = await list({ search, limit: 2, offset });
      expect(page.meta).toEqual({ count: all?.length, totalCount: 6 });
      pages.push(page.data?.map(({ fullName }) => fullName));
    }
    expect(pages.flat()).toEqual(all);
    const literal = (text = '') => text.toLowerCase().includes(search.toLowerCase());
    const people = Object.values(PEOPLE).filter(({ fullName, mrn, birthDate }) =>
      [fullName, mrn, birthDate].some(literal),
    );
    expect(all).toEqual(people.map(({ fullName }) => fullName));
  },
);

test('a search sees a patient from the moment they are there', async () => {
  expect(await names({ search: 'quagga' })).toEqual([]);
  const { id } = await newPatient(api, clinicId, { fullName: 'Quagga' });
  expect(await names({ search: 'quagga' })).toEqual(['Quagga']);
  answered(
    await api.DELETE('/v1/clinics/{clinicId}/patients/{patientId}', { params: { path: { clinicId, patientId: id } } }),
  );
  expect((await list({ search: 'quagga' })).meta).toEqual({ count: 0, totalCount: 6 });
});

test('tags must all be there, one site is enough, and text that is no id asks for those without', async () => {
  const [one = '', two = ''] = tags;
  const [north, south] = sites;
  expect(await names({ tags: [one] })).toEqual(['Delta Dog', 'Émile Eel']);
  expect((await list({ tags: [one], limit: 1 })).meta).toEqual({ count: 2, totalCount: 6 });
  expect(await names({ tags: [one, two] })).toEqual(['Delta Dog']);
  expect(await names({ tags: ['0'.repeat(24)] })).toEqual([]);
  expect(await names({ tags: ['untagged'] })).toEqual(['alpha Ant', 'Beta Bee', 'carol Cat', 'fox (F.)']);
  expect(await names({ sites: [north?.id, south?.id] })).toEqual(['Delta Dog', 'Émile Eel']);
  expect((await list({ sites: [south?.id] })).meta?.count).toBe(1);
  expect(await names({ sites: ['none'], tags: ['none'], search: '19' })).toEqual(['alpha Ant', 'Beta Bee', 'fox (F.)']);
  expect(await names({ tags: [one], search: '1999' })).toEqual(['Émile Eel']);
  expect(await names({ tags: [one], sort: '-fullName', sortType: 'cgm' })).toEqual(['Émile Eel', 'Delta Dog']);
});

test('filters on figures are about the period, 14 days unless said otherwise', async () => {
  expect(await names({ 'cgm.timeInTargetPercent': '>0.5' })).toEqual(['alpha Ant']);
  expect(await names({ 'cgm.timeInTargetPercent': '<=0.3' })).toEqual(['Beta Bee']);
  expect(await names({ 'cgm.timeInTargetPercent': '>0.5', period: '7d' })).toEqual(['Beta Bee']);
  expect(await names({ 'cgm.timeInTargetPercentDelta': '<-0.15' })).toEqual(['alpha Ant']);
  expect(await names({ 'cgm.totalRecords': '>5', 'cgm.timeInTargetPercent': '>0.1' })).toEqual(['alpha Ant']);
  expect(await names({ 'bgm.averageGlucoseMmol': '>1' })).toEqual([]);
  expect(await names({ 'cgm.lastDataFrom': '2026-06-01T00:00:00Z' })).toEqual(['alpha Ant', 'Beta Bee']);
  expect(await names({ 'cgm.lastDataFrom': '2026-06-01T00:00:01Z' })).toEqual(['alpha Ant']);
  expect(await names({ 'cgm.lastDataTo': '2026-06-15T12:00:00Z' })).toEqual(['Beta Bee']);
});

test('other ranges than the standard ones can be left out', async () => {
  expect(await names({ omitNonStandardRanges: true })).toEqual([
    'alpha Ant',
    'Beta Bee',
    'carol Cat',
    'Delta Dog',
    'fox (F.)',
  ]);
});

test('patients without the figure come last in either direction; those never reviewed come first', async () => {
  const sorted = (sort: string, sortType = 'cgm') => names({ sort, sortType });
  expect((await sorted('+timeInTargetPercent'))?.slice(0, 2)).toEqual(['Beta Bee', 'alpha Ant']);
  expect((await sorted('-timeInTargetPercent'))?.slice(0, 2)).toEqual(['alpha Ant', 'Beta Bee']);
  expect((await sorted('+lastData'))?.slice(0, 2)).toEqual(['Beta Bee', 'alpha Ant']);
  expect(await sorted('-birthDate')).toEqual([
    'carol Cat',
    'fox (F.)',
    'Émile Eel',
    'alpha Ant',
    'Beta Bee',
    'Delta Dog',
  ]);
  for (const key of ['alpha', 'beta']) {
    answered(
      await api.PUT('/v1/clinics/{clinicId}/patients/{patientId}/reviews', {
        params: { path: { clinicId, patientId: ids[key] ?? '' } },
      }),
    );
  }
  expect((await sorted('+lastReviewed'))?.slice(4)).toEqual(['alpha Ant', 'Beta Bee']);
  const reviewed = (await list({ search: 'alpha' })).data?.[0]?.reviews?.[0]?.time;
  expect(await names({ lastReviewed: reviewed })).toEqual(['alpha Ant']);
});

test('what is no order, figure or page is refused with its place', async () => {
  for (const query of [
    { sort: '+fullName' },
    { sort: '+shoe', sortType: 'cgm' },
    { sort: 'fullName', sortType: 'cgm' },
    { limit: 0 },
    { offset: -1 },
    { period: '9d' },
  ]) {
    expect(statusOf(await ask(query))).toBe(400);
  }
  expect(await names({ offset: 2_000_000_000 })).toEqual([]);
});

test.each([
  ['in the order of an index', {}],
  ['among few', { search: 'fox' }],
  ['from the sheets', { omitNonStandardRanges: true }],
])('a list that nobody waits for any more is not read on: %s', async (_way, query) => {
  const lists = harness.app.get(PatientListsRepository, { strict: false });
  const list = (page: Page) => lists.list(objectId(clinicId), filterOf(query), orderOf({}), page);
  expect((await list({})).totalCount).toBe(6);
  await expect(list({ wanted: AbortSignal.abort(new ClientGone()) })).rejects.toThrow(ClientGone);
});

test('an address that was written by hand or by another library asks for the same: a plus that is not encoded, a list with brackets', async () => {
  const namesAt = async (query: string) => {
    const { body } = await harness.send(`/v1/clinics/${clinicId}/patients?${query}`, { token });
    return (body as { data: { fullName: string }[] }).data.map(({ fullName }) => fullName); // as the contract says
  };
  const ascending = await namesAt('sort=%2BbirthDate&sortType=cgm');
  expect(ascending[0]).toBe('Delta Dog');
  expect(await namesAt('sort=+birthDate&sortType=cgm')).toEqual(ascending);
  const tagged = await namesAt(`tags=${tags.join(',')}`);
  expect(tagged).toHaveLength(1);
  expect(await namesAt(tags.map((tag) => `tags[]=${tag}`).join('&'))).toEqual(tagged);
});
