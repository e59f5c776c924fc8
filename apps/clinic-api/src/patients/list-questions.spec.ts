import { placeOfFigure } from '@caregate/clinic-model';
import { contracts, operation } from '@caregate/contracts';
import { type FilterInput, filterOf } from './list-filter.ts';
import { questionsOf, sortKeyOf } from './list-questions.ts';
import { orderOf } from './list-sort.ts';

const figures = operation(contracts.clinic, 'ListPatients')
  .queryParameters.map(({ name }) => name)
  .filter((name) => /^(cgm|bgm)\./.test(name));

test('the sheets have every figure that the contract filters by at a place of its own, in each period', () => {
  expect(figures.length).toBeGreaterThan(100);
  for (const period of ['1d', '7d', '14d', '30d']) {
    const places = figures.map((name) => {
      const value = /lastData/.test(name) ? '2026-01-01T00:00:00Z' : '>0';
      const filter = filterOf({ [name]: value, period } as FilterInput);
      expect(questionsOf(filter)).toHaveLength(1);
      return filter.figures.map(({ figure }) =>
        JSON.stringify(placeOfFigure(figure.kind, figure.name, figure.period)),
      )[0];
    });
    expect(places).not.toContain(undefined);
    expect(new Set(places).size).toBe(figures.length - 2); // the last data is asked for from and to a moment
  }
});

test.each(figures.filter((figure) => !/lastData/.test(figure)))('a list can be sorted by %s', (name) => {
  const [sortType = '', attribute = ''] = name.split('.');
  const key = sortKeyOf(orderOf({ sort: `-${attribute}`, sortType, period: '30d' }));
  expect(key.part).toBe(`${sortType}_30d`);
});
