import { newObjectId } from '@caregate/clinic-model';
import { filterOf } from './list-filter.ts';
import { orderOf } from './list-sort.ts';
import { bySite, byTag, conditionsOf, labelsOnly, shortest, walkOf } from './list-ways.ts';

const [tag, rare, site] = [newObjectId(), newObjectId(), newObjectId()];
const counts = {
  total: 1_000,
  tags: { [tag.toHexString()]: 300, [rare.toHexString()]: 3 },
  sites: { [site.toHexString()]: 50 },
};
const texts = (...ids: { toHexString(): string }[]) => ids.map((id) => id.toHexString());
const wayOf = (input: Parameters<typeof filterOf>[0]) => {
  const filter = filterOf(input);
  return shortest([...byTag(filter, counts), ...bySite(filter, counts)]);
};

test('the way leads through the fewest documents', () => {
  expect(wayOf({ tags: texts(tag, rare) })).toMatchObject({ hint: 'by_tag', condition: { tags: rare } });
  expect(wayOf({ tags: texts(tag), sites: texts(site) })).toMatchObject({ hint: 'by_site', size: 50 });
  expect(wayOf({ 'cgm.max': '>0.7' })).toBeUndefined();
});

test('a list of all is walked where an index has its order', () => {
  const walk = (sort: string) => walkOf(orderOf({ sort, sortType: 'bgm' }));
  expect(['+fullName', '-birthDate', '-lastData', '+timeInTargetPercent', '-lastReviewed'].map(walk)).toEqual([
    'in_name_order',
    'by_birth_date',
    undefined,
    undefined,
    undefined,
  ]);
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
