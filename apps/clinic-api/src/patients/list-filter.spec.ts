import { canMatch, filterOf, searchCondition } from './list-filter.ts';

const searches = (search: string, text: string) => new RegExp(String(searchRegex(search))).test(text);
const searchRegex = (search: string) => (searchCondition(search)['searchText'] as { $regex: string }).$regex;

test('a search is literal, whatever it holds', () => {
  expect(searches('.*', 'anything')).toBe(false);
  expect(searches('a.b*(c)[d]^$|\\{e}+?', 'xa.b*(c)[d]^$|\\{e}+?y')).toBe(true);
  expect(filterOf({ search: ' ÉMILE' }).search).toBe('emile');
});

test('no search reaches across two fields', () => {
  expect(canMatch('ann\n1990')).toBe(false);
  expect(canMatch('ann 1990')).toBe(true);
});

test('conditions on figures name kind and period; moments are of no period', () => {
  expect(
    filterOf({ 'cgm.timeInTargetPercent': '>=0.5', 'bgm.averageGlucoseMmolDelta': '<-.5', period: '30d' }).figures,
  ).toEqual([
    { figure: { kind: 'cgm', name: 'timeInTargetPercent', period: '30d' }, condition: { $gte: 0.5 } },
    { figure: { kind: 'bgm', name: 'averageGlucoseMmolDelta', period: '30d' }, condition: { $lt: -0.5 } },
  ]);
  const [from, to] = ['2026-06-01T00:00:00Z', '2026-07-01T00:00:00Z'];
  const lastData = { kind: 'cgm', name: 'lastData' };
  expect(filterOf({ 'cgm.lastDataFrom': from, 'cgm.lastDataTo': to }).figures).toEqual([
    { figure: lastData, condition: { $gte: new Date(from) } },
    { figure: lastData, condition: { $lt: new Date(to) } },
  ]);
  expect(filterOf({ 'cgm.totalRecords': '>+10' }).figures[0]).toMatchObject({
    figure: { period: '14d' },
    condition: { $gt: 10 },
  });
});

test('text that is no id asks for patients without tags or sites', () => {
  const id = '0'.repeat(24);
  expect(filterOf({ tags: ['untagged'], sites: ['none'] })).toMatchObject({ tags: [], sites: [] });
  expect(filterOf({ tags: ['untagged', id] }).tags?.map(String)).toEqual([id]);
  expect(filterOf({}).tags).toBeUndefined();
});
