import { mongo } from 'mongoose';
import { idOfText, idText, packed, placeIn, placeText, type Step, unpacked } from './batch.ts';

const id = new mongo.ObjectId();

test('a batch keeps documents as they were, to the types of their numbers', async () => {
  const document = {
    _id: id,
    whole: new mongo.BSON.Int32(5),
    real: new mongo.BSON.Double(5),
    long: mongo.Long.fromNumber(5),
    when: new Date(0),
  };
  const steps: Step[] = [
    { collection: 'patients', id, document },
    { collection: 'patient_sheets', id: 'text' },
  ];
  const again = await unpacked(await packed(steps));
  expect(again[1]).toEqual({ collection: 'patient_sheets', id: 'text' });
  expect(mongo.BSON.serialize(again[0]?.document ?? {})).toEqual(mongo.BSON.serialize(document));
});

test('an empty batch', async () => {
  expect(await unpacked(await packed([]))).toEqual([]);
});

test.each([id, 'some text', ''])('the id %s as a text and back', (given) => {
  expect(idOfText(idText(given))).toEqual(given);
});

test('a place as a text and back', () => {
  const place = { owner: id, key: 'a/b+c' };
  expect(placeText(place)).toMatch(/^[\w-]+$/);
  expect(placeIn(placeText(place))).toEqual(place);
});

test.each(['', 'x', placeText({ a: 1 }).slice(0, -3)])('%j is no place', (text) => {
  expect(() => placeIn(text)).toThrow('no place');
});
