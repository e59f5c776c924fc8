import { newObjectId, searchFields, type SheetPatient } from '@caregate/clinic-model';
import { Types } from 'mongoose';
import { sheetsWith } from '../../test/sheets.ts';
import { pageOf, pageOfThoseWith } from './list-answer.ts';
import { type FilterInput, filterOf } from './list-filter.ts';
import { questionsOf, sortKeyOf } from './list-questions.ts';
import { orderOf, type SortInput } from './list-sort.ts';
import { Matching } from './matching.ts';

const [tag, other, site] = [newObjectId(), newObjectId(), newObjectId()];
const clinicId = newObjectId();

/** Ids in the order of the letters. */
const idOf = (i: number) => new Types.ObjectId(i.toString(16).padStart(24, '0'));

function patientOf(i: number, fullName: string, given: Partial<SheetPatient> = {}): SheetPatient {
  const person = { fullName, birthDate: `19${90 - i}-01-01` };
  return { _id: idOf(i), clinicId, tags: [], sites: [], ...person, ...searchFields(person), ...given };
}

const withFigures = (timeInTargetPercent: number, max: number, lastData: string) => ({
  summary: {
    cgmStats: { dates: { lastData: new Date(lastData) }, periods: { '14d': { timeInTargetPercent, max } } },
  },
});

const PATIENTS = [
  patientOf(1, 'Zoë', { tags: [tag, other], ...withFigures(0.5, 20, '2026-03-01') }),
  patientOf(2, 'adam', { tags: [tag], sites: [{ _id: site, name: 'North' }] }),
  patientOf(3, 'Émile 𝄞', withFigures(0.7, 10, '2026-01-01')),
  patientOf(4, 'Bea', {
    ...withFigures(0.5, 15, '2026-02-01'),
    reviews: [{ clinicianId: 'a', time: new Date(0) } as never],
  }), // enough for a list
  patientOf(5, 'adam', { glycemicRanges: { type: 'custom' } }),
];

const sheets = sheetsWith(PATIENTS.slice(0, 2), PATIENTS.slice(2));

/** The patients of the answer, by number. */
function numbers(query: FilterInput & SortInput, page = { limit: 10, offset: 0 }): number[] {
  const ids = pageOf(Matching.of(sheets, questionsOf(filterOf(query))), sortKeyOf(orderOf(query)), page);
  return ids.map((id) => parseInt(id, 16));
}

test('all, in name order without regard to case and accents, those of one name by age', () => {
  expect(numbers({})).toEqual([2, 5, 4, 3, 1]);
  expect(numbers({ sort: '-fullName', sortType: 'cgm' })).toEqual([1, 3, 4, 5, 2]);
  expect(numbers({ sort: '+birthDate', sortType: 'cgm' })).toEqual([5, 4, 3, 2, 1]);
});

test.each([
  [{ search: 'ADAM' }, [2, 5]],
  [{ search: 'ém' }, [3]],
  [{ search: '𝄞' }, [3]],
  [{ search: '' }, [2, 5, 4, 3, 1]],
  [{ tags: [tag.toHexString()] }, [2, 1]],
  [{ tags: [tag.toHexString(), other.toHexString()] }, [1]],
  [{ tags: [] }, [5, 4, 3]],
  [{ sites: [site.toHexString(), other.toHexString()] }, [2]],
  [{ sites: [], tags: [tag.toHexString()] }, [1]],
  [{ omitNonStandardRanges: true }, [2, 4, 3, 1]],
  [{ lastReviewed: '2026-01-01T00:00:00Z' }, [4]],
  [{ 'cgm.timeInTargetPercent': '>0.5' }, [3]],
  [{ 'cgm.timeInTargetPercent': '>=0.5', 'cgm.max': '<20' }, [4, 3]],
  [{ 'cgm.timeInTargetPercent': '>0', period: '7d' }, []],
  [{ 'cgm.lastDataFrom': '2026-02-01T00:00:00Z', search: 'e' }, [4, 1]],
  [{ 'cgm.lastDataFrom': '2026-02-01T00:00:00Z', search: 'BE' }, [4]],
  [{ 'cgm.lastDataFrom': '2026-02-01T00:00:00Z', omitNonStandardRanges: true }, [4, 1]],
] as const)('%j', (query, expected) => {
  expect(numbers(query as FilterInput)).toEqual(expected);
});

test('patients without the figure come last by age, or as the least where the figure is always there', () => {
  expect(numbers({ sort: '+timeInTargetPercent', sortType: 'cgm' })).toEqual([1, 4, 3, 2, 5]);
  expect(numbers({ sort: '-timeInTargetPercent', sortType: 'cgm' })).toEqual([3, 1, 4, 2, 5]);
  expect(numbers({ sort: '+lastData', sortType: 'cgm' })).toEqual([3, 4, 1, 2, 5]);
  expect(numbers({ sort: '+max', sortType: 'cgm' })).toEqual([2, 5, 3, 4, 1]);
  expect(numbers({ sort: '-max', sortType: 'cgm' })).toEqual([1, 4, 3, 2, 5]);
  expect(numbers({ sort: '-lastReviewed', sortType: 'cgm' })).toEqual([4, 1, 2, 3, 5]);
});

test('a page of those with a figure is known from its column alone, and only when they fill it', () => {
  const order = sortKeyOf(orderOf({ sort: '-timeInTargetPercent', sortType: 'cgm' }));
  const page = (limit: number, offset: number) =>
    pageOfThoseWith(sheets, order, { limit, offset })?.map((id) => parseInt(id, 16));
  expect(page(2, 0)).toEqual([3, 1]);
  expect(page(1, 2)).toEqual([4]);
  expect(page(2, 2)).toBeUndefined();
});

test('pages together are the whole list', () => {
  const whole = numbers({ sort: '-timeInTargetPercent', sortType: 'cgm' });
  for (const limit of [1, 2, 3]) {
    const pages: number[] = [];
    for (let offset = 0; offset < 7; offset += limit)
      pages.push(...numbers({ sort: '-timeInTargetPercent', sortType: 'cgm' }, { limit, offset }));
    expect(pages).toEqual(whole);
  }
});
