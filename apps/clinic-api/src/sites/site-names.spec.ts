import { newObjectId, type Site } from '@caregate/clinic-model';
import { Conflict, Unprocessable } from '@caregate/service';
import { assertNameIsFree, assertRoomForSite, freeName } from './site-names.ts';

const site = (name: string): Site => ({ _id: newObjectId(), name });
const sites = (...names: string[]) => names.map(site);

test('case makes no difference to a name, spaces do', () => {
  expect(() => assertNameIsFree(sites('North Wing'), 'NORTH wing')).toThrow(Conflict);
  expect(() => assertNameIsFree(sites('North Wing'), 'NorthWing')).not.toThrow();
});

test('a site may keep its name, or change only its case; not take that of another', () => {
  const [one, two] = [site('One'), site('Two')];
  expect(() => assertNameIsFree([one, two], 'ONE', one)).not.toThrow();
  expect(() => assertNameIsFree([one, two], 'two', one)).toThrow(Conflict);
});

test('there is room for fifty', () => {
  const many = Array.from({ length: 49 }, (_, i) => site(`S${i}`));
  expect(() => assertRoomForSite(many)).not.toThrow();
  expect(() => assertRoomForSite([...many, site('Last')])).toThrow(Unprocessable);
});

test.each([
  [[], 'East', 'East'],
  [['East'], 'West', 'West'],
  [['east'], 'East', 'East (2)'],
  [['East', 'East (2)'], 'East', 'East (3)'],
  [['East', 'East (3)'], 'East', 'East (2)'],
  [['East (2)'], 'East (2)', 'East (3)'],
  [['East (9)'], 'East (9)', 'East (10)'],
  [['East(2)'], 'East(2)', 'East(2) (2)'],
  [['(2)'], '(2)', '(2) (2)'],
  [['A (99999999999)'], 'A (99999999999)', 'A (99999999999) (2)'],
])('beside %j, %j becomes %j', (taken, wanted, name) => {
  expect(freeName(sites(...taken), wanted)).toBe(name);
});
