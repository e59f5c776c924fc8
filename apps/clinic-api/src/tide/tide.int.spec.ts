import type { ClinicClient } from '@caregate/contracts';
import { answered, type Harness, newClinic, startHarness, statusOf } from '../../test/harness.ts';
import { cgmSummary, newPatient, setSummary } from '../../test/patients.ts';

let harness: Harness;
let api: ClinicClient;
let clinicId: string;
let tag: string;
const ids: Record<string, string> = {};

const hoursAgo = (hours: number) =>
  new Date(Math.floor(Date.now() / 1000) * 1000 - hours * 3_600_000).toISOString().replace('.000', '');
const DAY = 24;
const AT_ONCE = 5;
const cutoff = hoursAgo(30 * DAY);

beforeAll(async () => {
  harness = await startHarness();
  ({ api } = harness.newUser());
  clinicId = (await newClinic(api)).id;
  tag = answered(
    await api.POST('/v1/clinics/{clinicId}/patient_tags', {
      params: { path: { clinicId } },
      body: { name: 'Tide' } as never,
    }),
  ).id;
  const recent = hoursAgo(1);
  await seed('veryLow', recent, { timeInVeryLowPercent: 0.1 });
  await seed('anyLow', recent, { timeInAnyLowPercent: 0.1 });
  await seed('veryHigh', recent, { timeInVeryHighPercent: 0.3 });
  await seed('anyHigh', recent, { timeInAnyHighPercent: 0.4 });
  await seed('drop', recent, { timeInTargetPercentDelta: -0.3 });
  await seed('lowUse', recent, { timeCGMUsePercent: 0.3 });
  await seed('meeting', recent, { timeInTargetPercent: 0.9, timeCGMUsePercent: 0.95 });
  await seed('dual', recent, { timeInVeryLowPercent: 0.2, timeInVeryHighPercent: 0.5 });
  await seed('neverData');
  await seed('stale', hoursAgo(45 * DAY), {});
  await seed('disconnected', hoursAgo(10), { timeCGMUsePercent: 0.9, timeInTargetPercent: 0.5 });
  const params = { path: { userId: ids.disconnected ?? '' } };
  answered(
    await harness
      .asService()
      .PUT('/v1/patients/{userId}/data_sources', { params, body: [{ providerName: 'dexcom', state: 'pending' }] }),
  );
  await seed('untagged', recent, { timeInVeryLowPercent: 0.5 }, []);
});
afterAll(() => harness.close());

async function seed(key: string, lastData?: string, figures?: Record<string, number>, tags = [tag]) {
  const { id } = await newPatient(api, clinicId, { fullName: key, tags });
  ids[key] = id;
  if (figures) await setSummary(harness, id, cgmSummary({ lastData, periods: { '30d': figures } }));
}

const ask = (query: object = {}) =>
  api.GET('/v1/clinics/{clinicId}/tide_report', {
    params: { path: { clinicId }, query: { period: '30d', tags: [tag], lastDataCutoff: cutoff, ...query } },
  });
const report = async (query?: object) => answered(await ask(query));
const people = async (query?: object) =>
  Object.fromEntries(
    Object.entries((await report(query)).results).map(([category, all]) => [
      category,
      all.map(({ patient }) => patient.fullName),
    ]),
  );

test('each patient with the tag is there once, in the first category that fits, worst first', async () => {
  expect(await people()).toEqual({
    timeInVeryLowPercent: ['dual', 'veryLow'],
    timeInAnyLowPercent: ['anyLow'],
    timeInVeryHighPercent: ['veryHigh'],
    timeInAnyHighPercent: ['anyHigh'],
    dropInTimeInTargetPercent: ['drop'],
    timeCGMUsePercent: ['lowUse'],
    meetingTargets: ['meeting'],
    noData: ['neverData', 'stale', 'disconnected'],
  });
});

test('categories can be chosen, and those without data left out', async () => {
  expect(await people({ categories: ['timeInVeryHighPercent', 'meetingTargets'], excludeNoData: true })).toEqual({
    timeInVeryHighPercent: ['dual', 'veryHigh'],
    meetingTargets: ['meeting'],
  });
  expect((await people({ categories: ['timeInTargetPercent'] })).timeInTargetPercent).toEqual(['disconnected']);
});

test('shows what was asked, the figures of the period and when data came last', async () => {
  const { config, results } = await report();
  expect(config).toMatchObject({ clinicId, period: '30d', tags: [tag], lastDataCutoff: cutoff, schemaVersion: 2 });
  expect(results['timeInVeryLowPercent']?.[1]).toMatchObject({
    timeInVeryLowPercent: 0.1,
    patient: { id: ids.veryLow, tags: [tag], reviews: [], dataSources: null },
  });
  expect(results['noData']?.[0]).not.toHaveProperty('lastData');
});

test('another period has other figures, and a later cutoff leaves people out', async () => {
  expect((await people({ period: '7d' })).timeInVeryLowPercent).toEqual([]);
  expect(
    (await people({ lastDataCutoff: new Date(Date.now() + 3_600_000).toISOString() })).timeInVeryLowPercent,
  ).toEqual([]);
});

test('holds a hundred patients and fifty without data at most', async () => {
  const other = answered(
    await api.POST('/v1/clinics/{clinicId}/patient_tags', {
      params: { path: { clinicId } },
      body: { name: 'Many' } as never,
    }),
  ).id;
  answered(
    await harness
      .asService()
      .POST('/v1/clinics/{clinicId}/tier', { params: { path: { clinicId } }, body: { tier: 'tier0300' } }),
  );
  const lastData = hoursAgo(1);
  const seedMany = async (count: number, figures?: Record<string, number>) => {
    for (let made = 0; made < count; made += AT_ONCE) {
      const some = Array.from({ length: Math.min(AT_ONCE, count - made) }, (_, i) => made + i);
      await Promise.all(some.map((i) => seed(`many ${i}`, lastData, figures, [other])));
    }
  };
  await seedMany(70, { timeInVeryLowPercent: 0.1 });
  await seedMany(40, { timeInAnyLowPercent: 0.1 });
  await seedMany(55);
  const { results } = await report({ tags: [other] });
  const sizes = Object.fromEntries(Object.entries(results).map(([category, all]) => [category, all.length]));
  expect(sizes).toMatchObject({ timeInVeryLowPercent: 70, timeInAnyLowPercent: 30, meetingTargets: 0, noData: 50 });
});

test('needs a cutoff, a known period and tags', async () => {
  for (const query of [{ lastDataCutoff: undefined }, { period: '90d' }, { tags: undefined }])
    expect(statusOf(await ask(query))).toBe(400);
});
