import { BadRequest } from '@caregate/service';
import { BY_NAME, orderOf } from './list-sort.ts';

test('by name unless something else is asked for', () => {
  expect(orderOf({})).toEqual(BY_NAME);
  expect(orderOf({ sort: '-fullName', sortType: 'cgm' })).toEqual([
    ['sortName', -1],
    ['_id', -1],
  ]);
  expect(orderOf({ sort: '+birthDate', sortType: 'bgm' })).toEqual([
    ['birthDate', 1],
    ['_id', 1],
  ]);
});

test('a figure is that of the kind and the period, 14 days by default, and those without it come last either way', () => {
  const figures = 'summary.cgmStats.periods.14d';
  for (const [sign, direction] of [
    ['+', 1],
    ['-', -1],
  ] as const) {
    expect(orderOf({ sort: `${sign}timeInTargetPercent`, sortType: 'cgm' })).toEqual([
      [`${figures}.hasTimeInTargetPercent`, -1],
      [`${figures}.timeInTargetPercent`, direction],
      ['_id', 1],
    ]);
  }
  expect(orderOf({ sort: '-timeInTargetPercentDelta', sortType: 'cgm', period: '7d' })[0]).toEqual([
    'summary.cgmStats.periods.7d.hasTimeInTargetPercent',
    -1,
  ]);
  expect(orderOf({ sort: '+lastData', sortType: 'bgm' })).toEqual([
    ['summary.bgmStats.dates.hasLastData', -1],
    ['summary.bgmStats.dates.lastData', 1],
    ['_id', 1],
  ]);
  expect(orderOf({ sort: '+min', sortType: 'cgm' })).toEqual([
    [`${figures}.min`, 1],
    ['_id', 1],
  ]);
});

test.each([
  ['+shoe', 'cgm'],
  ['+timeCGMUsePercent', 'bgm'], // only continuous monitors have a time of use
  ['+constructor', 'cgm'],
  ['+fullName', undefined],
])('%s of %s is refused', (sort, sortType) => {
  expect(() => orderOf({ sort, ...(sortType && { sortType }) })).toThrow(BadRequest);
});
