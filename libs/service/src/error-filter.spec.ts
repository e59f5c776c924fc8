import { mongo } from 'mongoose';
import { toCaregateError } from './error-filter.ts';

const away = new mongo.MongoNetworkError('connect ECONNREFUSED 127.0.0.1:1');
/** As the driver makes it when a bulk write cannot be sent. */
const bulkWrite = (fault: Error) =>
  Object.assign(new mongo.MongoServerError({ message: fault.message }), { errorResponse: fault });

test.each([
  ['a network error', away],
  [
    'a connection that the server has just closed',
    Object.assign(new Error('This socket has been ended by the other party'), { code: 'EPIPE' }),
  ],
  ['a bulk write that a network error kept from being sent', bulkWrite(away)],
])('%s is a database that is away: 503', (_what, thrown) => {
  expect(toCaregateError(thrown)).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
});

test('a bulk write that the server refused is a fault of ours: 500', () => {
  expect(toCaregateError(bulkWrite(new Error('refused'))).status).toBe(500);
});
