import { newObjectId } from '@caregate/clinic-model';
import { filterOf } from './list-filter.ts';
import { byFigures, bySite, byTag, conditionsOf, labelsOnly, shortest, throughTheClinic } from './list-ways.ts';

const [tag, rare, site] = [newObjectId(), newObjectId(), newObjectId()];
const counts = {
  total: 1_000,
  tags: { [tag.toHexString()]: 300, [rare.toHexString()]: 3 },
  sites: { [site.toHexString()]: 50 },
};
const texts = (...ids: { toHexString(): string }[]) => ids.map((id) => id.toHexString());
const wayOf = (input: Parameters<typeof filterOf>[0]) => {
  const filter = filterOf(input);
  const figures = filter.figures.map(({ figure }) => figure);
  return shortest([
    throughTheClinic(filter, counts),
    ...byTag(filter, counts),
    ...bySite(filter, counts),
    ...byFigures(figures, counts),
  ]);
};

test('the way leads through the fewest documents', () => {
  expect(wayOf({ tags: texts(tag, rare) })).toMatchObject({ hint: 'by_tag', condition: { tags: rare } });
  expect(wayOf({ tags: texts(tag), sites: texts(site) })).toMatchObject({ hint: 'by_site', size: 50 });
  expect(wayOf({ search: 'ann', tags: texts(tag) })).toMatchObject({ hint: 'by_name' });
  expect(wayOf({ search: 'ann', tags: texts(rare) })).toMatchObject({ hint: 'by_tag' });
  expect(
    wayOf({ 'cgm.timeCGMUsePercent': '>0.7', 'cgm.lastDataFrom': '2026-01-01T00:00:00Z', period: '7d' }),
  ).toMatchObject({ hint: 'cgm_7d', size: 200 });
  expect(wayOf({ 'cgm.max': '>0.7' })).toMatchObject({ hint: 'cgm_14d', size: 800 }); // who has no such period need not be looked at
  expect(wayOf({ 'bgm.averageGlucoseMmol': '>7', 'cgm.max': '>1', tags: texts(tag) })).toMatchObject({
    hint: 'by_tag',
  });
  expect(wayOf({ 'cgm.lastDataTo': '2026-01-01T00:00:00Z' })).toMatchObject({ hint: 'cgm_last_data' });
});

test('the condition of the way comes before what is left to check', () => {
  const filter = filterOf({ tags: texts(tag, rare), 'cgm.max': '>1' });
  expect(conditionsOf(filter, { hint: 'by_tag', condition: { tags: rare }, size: 3 })).toEqual([
    { tags: rare },
    { tags: { $all: [tag, rare] } },
    { 'summary.cgmStats.periods.14d.max': { $gt: 1 } },
  ]);
});

test('only one tag or one site alone has its count kept', () => {
  expect(labelsOnly(filterOf({}))).toBe('none');
  expect(labelsOnly(filterOf({ tags: texts(tag) }))).toBe('one');
  expect(labelsOnly(filterOf({ sites: texts(site) }))).toBe('one');
  for (const input of [
    { tags: texts(tag, rare) },
    { tags: texts(tag), search: 'a' },
    { tags: ['untagged'] },
    { tags: texts(tag), omitNonStandardRanges: true },
  ]) {
    expect(labelsOnly(filterOf(input))).toBe('more');
  }
});
