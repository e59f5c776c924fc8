/** Every kind of list that clients may ask for, from the contract's own parameters. */
import { contracts, operation } from '@caregate/contracts';
import type { World } from '@caregate/fuzz/world';

export interface Kind {
  /** Kinds of one group are told together. */
  readonly group: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string | number | boolean | readonly string[]>>;
}

const PERIODS = ['1d', '7d', '14d', '30d'];
const PARAMETERS = () => operation(contracts.clinic, 'ListPatients').queryParameters.map(({ name }) => name);
const FIGURE = /^(cgm|bgm)\.(?!lastData)(\w+)$/;

/** @param whole each figure in each period; otherwise each in one, and some in all */
export function kindsOf({ ids }: World, whole: boolean): Kind[] {
  const [clinicId = ''] = ids.clinicId;
  const [half = '', tenth = '', rare = ''] = ids.patientTagId;
  const [site = '', otherSite = ''] = ids.siteId;
  const path = `/v1/clinics/${clinicId}/patients`;
  const kind = (group: string, query: Kind['query']): Kind => ({ group, path, query });
  const figures = PARAMETERS().flatMap((name) => {
    const [, type = '', figure = ''] = FIGURE.exec(name) ?? [];
    return figure === '' ? [] : [{ name, type, figure }];
  });
  const periodsOf = (figure: string) => (whole || figure === 'timeInTargetPercent' ? PERIODS : ['14d']);
  const sorted = (sort: string, sortType: string, more: Kind['query'] = {}) => ({ sort, sortType, ...more });
  const most = { 'cgm.timeInTargetPercent': '>0.01', 'cgm.lastDataFrom': '2026-01-01T00:00:00Z' };
  return [
    kind('plain', {}),
    kind('plain', { limit: 50 }),
    kind('plain, far in', { offset: 5_000 }),
    kind('plain, far in', { offset: 9_990 }),
    ...['+', '-'].flatMap((direction) => [
      ...['fullName', 'birthDate'].map((name) => kind('sort by name, birth date', sorted(direction + name, 'cgm'))),
      ...['lastReviewed', 'tags'].map((name) => kind('sort by review, tags', sorted(direction + name, 'cgm'))),
      ...['lastData', 'lastUploadDate', 'firstData', 'outdatedSince'].flatMap((name) =>
        ['cgm', 'bgm'].map((type) => kind('sort by a moment', sorted(direction + name, type))),
      ),
      ...figures.flatMap(({ type, figure }) =>
        periodsOf(figure).map((period) =>
          kind(`sort by a figure (${type})`, sorted(direction + figure, type, { period })),
        ),
      ),
    ]),
    ...[2_000, 7_900, 9_990].map((offset) =>
      kind('sort by a figure, far in', sorted('-timeInTargetPercent', 'cgm', { offset })),
    ),
    ...figures.flatMap(({ name, type, figure }) =>
      periodsOf(figure).flatMap((period) => {
        const isPart = /Percent/.test(figure);
        const rareBound = isPart ? '>0.99' : '>190';
        return [
          kind(`filter on a figure, few match (${type})`, { [name]: rareBound, period }),
          kind(`filter on a figure, all match (${type})`, { [name]: '>=0', period }),
        ];
      }),
    ),
    ...['cgm', 'bgm'].flatMap((type) => [
      kind('filter on last data', { [`${type}.lastDataFrom`]: '2026-06-25T00:00:00Z' }),
      kind('filter on last data', { [`${type}.lastDataTo`]: '2026-06-25T00:00:00Z' }),
      kind('filter on last data', {
        [`${type}.lastDataFrom`]: '2026-05-01T00:00:00Z',
        [`${type}.lastDataTo`]: '2026-06-30T00:00:00Z',
      }),
    ]),
    kind('filter on last review', { lastReviewed: '2026-06-01T00:00:00Z' }),
    kind('filter on last review', { lastReviewed: '2026-04-10T00:00:00Z' }),
    kind('standard ranges only', { omitNonStandardRanges: true }),
    kind('one tag', { tags: [half] }),
    kind('one tag', { tags: [tenth] }),
    kind('one tag', { tags: [rare] }),
    kind('several tags', { tags: [half, tenth] }),
    kind('several tags', { tags: [half, tenth, rare] }),
    kind('untagged', { tags: ['untagged'] }),
    kind('sites', { sites: [site] }),
    kind('sites', { sites: [site, otherSite] }),
    kind('sites', { sites: ['none'] }),
    kind('sites and tags', { sites: [site], tags: [half] }),
    ...[
      'a',
      'r',
      'ab',
      'joy',
      'ada',
      'lowe',
      'dora finch',
      '0123',
      'mrn',
      'mrn77',
      '19',
      '1990-01',
      '.',
      'zz',
      'no such',
      '',
    ].map((search) => kind('search', { search })),
    ...['a', 'lowe', 'mrn', 'joyce 00'].map((search) =>
      kind('search, last page of ten in another order', { ...sorted('-birthDate', 'cgm'), search, offset: 200 }),
    ),
    kind('combined', { ...most, search: 'a' }),
    kind('combined', { ...most, search: 'lowe', tags: [half] }),
    kind('combined', { ...most, ...sorted('-timeInTargetPercent', 'cgm') }),
    kind('combined', { ...most, ...sorted('+maxDelta', 'cgm'), tags: [half], sites: [site] }),
    kind('combined', {
      ...most,
      'bgm.averageGlucoseMmol': '>0.01',
      'cgm.timeInVeryLowRecords': '>=0',
      'cgm.totalRecordsDelta': '>=0',
      ...sorted('-averageDailyRecords', 'bgm'),
      omitNonStandardRanges: true,
      lastReviewed: '2026-06-30T00:00:00Z',
      search: 'a',
      tags: [half],
    }),
    { group: 'find over clinics', path: '/v1/patients', query: { mrn: 'MRN4711' } },
    { group: 'find over clinics', path: '/v1/patients', query: { birthDate: '1950-03-03' } },
    { group: 'find over clinics', path: '/v1/patients', query: { mrn: 'MRN10', birthDate: '1950-11-11' } },
    { group: 'find over clinics', path: '/v1/patients', query: {} },
    ...[half, tenth, rare].flatMap((tag) =>
      PERIODS.map((period) => ({
        group: 'TIDE report',
        path: `/v1/clinics/${clinicId}/tide_report`,
        query: { period, tags: [tag], lastDataCutoff: '2026-06-10T00:00:00Z' },
      })),
    ),
    {
      group: 'TIDE report',
      path: `/v1/clinics/${clinicId}/tide_report`,
      query: {
        period: '14d',
        tags: [half],
        lastDataCutoff: '2026-06-10T00:00:00Z',
        categories: ['timeInExtremeHighPercent', 'meetingTargets'],
      },
    },
  ];
}
