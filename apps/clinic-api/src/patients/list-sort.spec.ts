import { BadRequest } from '@caregate/service';
import { BY_NAME, orderOf, sortOf } from './list-sort.ts';

test('by name unless something else is asked for', () => {
  expect(orderOf({})).toEqual(BY_NAME);
  expect(sortOf(orderOf({ sort: '-fullName', sortType: 'cgm' }))).toEqual([
    ['sortName', -1],
    ['_id', -1],
  ]);
  expect(sortOf(orderOf({ sort: '+birthDate', sortType: 'bgm' }))).toEqual([
    ['birthDate', 1],
    ['_id', 1],
  ]);
  expect(sortOf(orderOf({ sort: '-lastReviewed', sortType: 'bgm' }))).toEqual([
    ['reviews.0.time', -1],
    ['_id', 1],
  ]);
});

test('a figure is that of the kind and the period, 14 days by default; who may lack it can come last', () => {
  expect(orderOf({ sort: '+timeInTargetPercent', sortType: 'cgm' })).toEqual({
    path: 'summary.cgmStats.periods.14d.timeInTargetPercent',
    direction: 1,
    figure: { kind: 'cgm', name: 'timeInTargetPercent', period: '14d' },
    noneLast: true,
  });
  expect(orderOf({ sort: '-timeInTargetPercentDelta', sortType: 'cgm', period: '7d' })).toMatchObject({
    path: 'summary.cgmStats.periods.7d.timeInTargetPercentDelta',
    direction: -1,
    figure: { period: '7d' },
  });
  expect(orderOf({ sort: '+lastData', sortType: 'bgm' })).toEqual({
    path: 'summary.bgmStats.dates.lastData',
    direction: 1,
    figure: { kind: 'bgm', name: 'lastData' },
    noneLast: true,
    youngestFirst: true,
  });
  expect(orderOf({ sort: '+min', sortType: 'cgm' })).toEqual({
    path: 'summary.cgmStats.periods.14d.min',
    direction: 1,
    figure: { kind: 'cgm', name: 'min', period: '14d' },
  });
});

test.each([
  ['+shoe', 'cgm'],
  ['+timeCGMUsePercent', 'bgm'], // only continuous monitors have a time of use
  ['+constructor', 'cgm'],
  ['+fullName', undefined],
])('%s of %s is refused', (sort, sortType) => {
  expect(() => orderOf({ sort, ...(sortType && { sortType }) })).toThrow(BadRequest);
});
