import { BadRequest } from '@caregate/service/errors';
import { isObjectIdText, newObjectId, objectId } from './ids.ts';

test('an id is read back as it was written', () => {
  const id = newObjectId();
  expect(objectId(id.toHexString()).equals(id)).toBe(true);
});

test.each(['', 'untagged', '0'.repeat(23), '0'.repeat(25), 'G'.repeat(24), 'A0'.repeat(12)])(
  '%j is no id: it is refused rather than lost from a filter',
  (text) => {
    expect(isObjectIdText(text)).toBe(false);
    expect(() => objectId(text)).toThrow(BadRequest);
  },
);
