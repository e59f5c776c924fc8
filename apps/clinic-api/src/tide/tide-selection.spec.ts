import { newObjectId, searchFields, type SheetPatient } from '@caregate/clinic-model';
import { Types } from 'mongoose';
import { sheetsWith } from '../../test/sheets.ts';
import { categoriesOf } from './tide-categories.ts';
import { MOST_PATIENTS, MOST_WITHOUT_DATA, selectFrom, type TideScope } from './tide-selection.ts';

const [tag, other, clinicId] = [newObjectId(), newObjectId(), newObjectId()];
const now = new Date('2026-03-01T12:00:00Z');
const hoursAgo = (hours: number) => new Date(now.getTime() - hours * 3_600_000);
const scope: TideScope = {
  tags: [tag],
  period: '7d',
  cutoff: hoursAgo(24),
  categories: categoriesOf(),
  excludeNoData: false,
};

let made = 0;
function patient(figures?: Record<string, number>, lastData = hoursAgo(1), given: Partial<SheetPatient> = {}) {
  const person = { fullName: `Patient ${made}`, birthDate: '1990-01-01' };
  const _id = new Types.ObjectId((made++).toString(16).padStart(24, '0'));
  const summary = figures && { cgmStats: { dates: { lastData }, periods: { '7d': figures } } };
  const patient = { _id, clinicId, tags: [tag], sites: [], ...person, ...searchFields(person), ...given };
  return { ...patient, ...(summary && { summary }) };
}

function report(patients: readonly SheetPatient[], different: Partial<TideScope> = {}) {
  const ids = patients.map(({ _id }) => _id.toHexString());
  const selected = selectFrom(sheetsWith(patients), { ...scope, ...different }, now);
  return Object.fromEntries(
    [...selected].flatMap(([category, some]) =>
      some.length > 0 ? [[category, some.map((id) => ids.indexOf(id))]] : [],
    ),
  );
}

test('the default categories are in order of urgency; those asked for in the order asked, each once', () => {
  expect(categoriesOf().map(({ name }) => name)).toEqual([
    'timeInVeryLowPercent',
    'timeInAnyLowPercent',
    'timeInVeryHighPercent',
    'timeInAnyHighPercent',
    'dropInTimeInTargetPercent',
    'timeCGMUsePercent',
    'meetingTargets',
  ]);
  const asked = ['meetingTargets', 'timeInExtremeHighPercent', 'meetingTargets', 'timeInTargetPercent'];
  expect(categoriesOf(asked).map(({ name }) => name)).toEqual([
    'meetingTargets',
    'timeInExtremeHighPercent',
    'timeInTargetPercent',
  ]);
});

test('who fits an earlier category is in no later one, and thresholds belong to whom the report says', () => {
  const patients = [
    patient({ timeInVeryLowPercent: 0.01, timeInAnyLowPercent: 0.05 }),
    patient({ timeInVeryLowPercent: 0.011, timeInAnyLowPercent: 0.9 }),
    patient({ timeInTargetPercent: 0.7 }),
    patient({ timeCGMUsePercent: 0.7 }),
  ];
  expect(report(patients)).toEqual({ timeInVeryLowPercent: [1], timeInAnyLowPercent: [0], meetingTargets: [2] });
});

test('the worst, the largest drop and the least use come first, and the best of those who meet their targets', () => {
  const patients = [
    patient({ timeInVeryLowPercent: 0.1 }),
    patient({ timeInVeryLowPercent: 0.2 }),
    patient({ timeInTargetPercentDelta: -0.2 }),
    patient({ timeInTargetPercentDelta: -0.3 }),
    patient({ timeCGMUsePercent: 0.2 }),
    patient({ timeCGMUsePercent: 0.1 }),
    patient({ timeInTargetPercent: 0.8 }),
    patient({ timeInTargetPercent: 0.9 }),
    patient({ timeInTargetPercent: 0.9 }),
  ];
  expect(report(patients)).toEqual({
    timeInVeryLowPercent: [1, 0],
    dropInTimeInTargetPercent: [3, 2],
    timeCGMUsePercent: [5, 4],
    meetingTargets: [7, 8, 6],
  });
});

test('only who carries all the tags, with data since the cutoff', () => {
  const low = { timeInVeryLowPercent: 0.1 };
  const patients = [
    patient(low),
    patient(low, hoursAgo(1), { tags: [other] }),
    patient(low, hoursAgo(1), { tags: [other, tag] }),
    patient(low, hoursAgo(24)),
    patient(low, hoursAgo(25)),
  ];
  expect(report(patients)).toEqual({ timeInVeryLowPercent: [0, 2, 3], noData: [4] });
  expect(report(patients, { tags: [tag, other] })).toEqual({ timeInVeryLowPercent: [2] });
  expect(report(patients, { excludeNoData: true })).not.toHaveProperty('noData');
});

test('without data are those who never had any, those since before the cutoff, and the disconnected after eight hours', () => {
  const dexcom = (state: string) => ({ dataSources: [{ providerName: 'dexcom', state }] });
  const patients = [
    patient({}, hoursAgo(9), dexcom('error')),
    patient({}, hoursAgo(7), dexcom('error')),
    patient({}, hoursAgo(9), dexcom('connected')),
    patient({}, hoursAgo(9), { dataSources: [{ providerName: 'abbott', state: 'error' }] }),
    patient({}, hoursAgo(48)),
    patient(),
    patient({ timeInVeryLowPercent: 0.1 }, hoursAgo(9), dexcom('error')), // in the report already
  ];
  expect(report(patients)).toEqual({ timeInVeryLowPercent: [6], noData: [5, 4, 0] });
});

test('a report is filled in order until it is full; who found no room is in no later category either', () => {
  const lows = Array.from({ length: MOST_PATIENTS + 5 }, () =>
    patient({ timeInVeryLowPercent: 0.1, timeInAnyLowPercent: 1 }),
  );
  const silent = Array.from({ length: MOST_WITHOUT_DATA + 5 }, () => patient());
  const full = report([...lows, patient({ timeInAnyLowPercent: 0.1 }), ...silent]);
  expect(Object.entries(full).map(([category, some]) => [category, some.length])).toEqual([
    ['timeInVeryLowPercent', MOST_PATIENTS],
    ['noData', MOST_WITHOUT_DATA],
  ]);
});
