import { placeOf } from './place.ts';

const offset = (_id: string) => [{ offset: { _id } }];

test('the place of a source is the time in its resume token', () => {
  expect(placeOf(offset('{"_data": "82692E1A3B00000007296E04"}'))).toEqual({ t: 0x692e1a3b, i: 7 });
});

test.each([[[]], [offset('no JSON')], [offset('{"_data": "8"}')], [[{ offset: { copy: 'true' } }]]])(
  'a source without a token, %j, has no place',
  (found) => expect(placeOf(found)).toBeUndefined(),
);
