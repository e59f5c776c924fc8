import { INDEXES } from '../indexes.ts';
import { BELONGINGS, STAYING } from './belongings.ts';

const moving = BELONGINGS.map(({ collection }) => collection);

test('each collection of a shard either moves with its account or is said to stay', () => {
  const known = new Set([...moving, ...Object.keys(STAYING)]);
  expect(Object.keys(INDEXES).filter((collection) => !known.has(collection))).toEqual([]);
});

test('nothing both moves and stays', () => {
  expect(moving.filter((collection) => collection in STAYING)).toEqual([]);
});

test('clinics are brought before what belongs to them', () => {
  expect(moving.indexOf('clinics')).toBe(0);
  expect(moving.indexOf('clinics_deletions')).toBe(1);
});
