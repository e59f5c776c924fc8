import { mongo } from 'mongoose';
import { isDuplicateKey } from './transaction.ts';

const refused = (code: number) =>
  new mongo.MongoServerError({ message: 'refused', code, keyPattern: { clinicId: 1, email: 1 } });

test('a refusal by a unique index is told from others, and by which field', () => {
  expect(isDuplicateKey(refused(11_000))).toBe(true);
  expect(isDuplicateKey(refused(11_000), 'email')).toBe(true);
  expect(isDuplicateKey(refused(11_000), 'userId')).toBe(false);
  expect(isDuplicateKey(refused(112))).toBe(false);
  expect(isDuplicateKey(Object.assign(new Error('not the database'), { code: 11_000 }))).toBe(false);
});
