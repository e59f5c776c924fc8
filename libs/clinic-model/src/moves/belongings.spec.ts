import { INDEXES } from '../indexes.ts';
import { Types } from 'mongoose';
import { belongingOf, BELONGINGS, belongs, STAYING } from './belongings.ts';

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

test.each([
  ['patients', true],
  ['patients_deletions', true],
  ['mail_deliveries', false],
])('a document of %s is the account’s when its clinic is one of the account’s', (collection, isId) => {
  const [ours, other] = [new Types.ObjectId(), new Types.ObjectId()];
  const belonging = belongingOf(collection);
  if (!belonging) throw new Error(`${collection} moves`);
  const scope = { accountId: 'an account', clinicIds: [new Types.ObjectId(), ours] };
  const of = (id: Types.ObjectId) => ({ clinicId: isId ? id : id.toHexString() });
  expect(belongs(belonging, scope, of(ours))).toBe(true);
  expect(belongs(belonging, scope, of(other))).toBe(false);
  expect(belongs(belonging, scope, {})).toBe(false);
});
