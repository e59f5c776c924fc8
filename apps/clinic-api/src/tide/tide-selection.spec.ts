import { newObjectId } from '@caregate/clinic-model';
import { categoriesOf } from './tide-categories.ts';
import { fillReport, inCategory, MOST_PATIENTS, orderIn, withoutData } from './tide-selection.ts';

const scope = {
  clinicId: newObjectId(),
  tags: [newObjectId(), newObjectId()],
  period: '7d',
  cutoff: new Date('2026-01-01'),
};
const path = (figure: string) => `summary.cgmStats.periods.7d.${figure}`;

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

test('who fits an earlier category is in no later one', () => {
  const [veryLow, anyLow] = categoriesOf(['timeInVeryLowPercent', 'timeInAnyLowPercent']);
  if (!veryLow || !anyLow) throw new Error('both exist');
  expect(inCategory(scope, anyLow, [veryLow])).toEqual({
    clinicId: scope.clinicId,
    [path('hasTotalRecords')]: { $gte: false },
    'summary.cgmStats.dates.lastData': { $gte: scope.cutoff },
    $and: [
      ...scope.tags.map((tags) => ({ tags })),
      { [path('timeInAnyLowPercent')]: { $gt: 0.04 } },
      { [path('timeInVeryLowPercent')]: { $not: { $gt: 0.01 } } },
    ],
  });
});

test('the largest drop and the least use come first, and the best of those who meet their targets', () => {
  const orders = categoriesOf(['dropInTimeInTargetPercent', 'timeCGMUsePercent', 'meetingTargets']).map(
    (each) => orderIn(scope, each)[0],
  );
  expect(orders).toEqual([
    [path('timeInTargetPercentDelta'), 1],
    [path('timeCGMUsePercent'), 1],
    [path('timeInTargetPercent'), -1],
  ]);
});

test('a report is filled in order until it is full, and every category has its place in it', async () => {
  const limits: number[] = [];
  const found = [60, 30, 25, 5];
  const report = await fillReport(categoriesOf().slice(0, 4), async (_category, before, limit) => {
    limits.push(limit);
    return Array.from({ length: Math.min(limit, found[before.length] ?? 0) }, (_, i) => i);
  });
  expect(limits).toEqual([100, 40, 10]);
  expect([...report.values()].map((patients) => patients.length)).toEqual([60, 30, 10, 0]);
  expect([...report.values()].flat()).toHaveLength(MOST_PATIENTS);
});

test('silence counts from eight hours before now', () => {
  const [never, silent] = withoutData(scope, new Date('2026-06-01T12:00:00Z'), []);
  expect(never['summary.cgmStats.dates.lastData']).toBeNull();
  expect(silent['summary.cgmStats.dates.lastData']).toMatchObject({ $lt: new Date('2026-06-01T04:00:00Z') });
});
