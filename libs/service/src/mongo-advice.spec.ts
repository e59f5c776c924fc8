import { mongo } from 'mongoose';
import { adviceOnMongo } from './mongo-advice.ts';

const fault = (fields: object, message = 'mongodb://api:secret@db/x is away') =>
  Object.assign(new Error(message), fields);
/** As the driver tells what it found at each server. */
const found = (error: Error) => fault({ reason: { servers: new Map([['db:27017', { error }]]) } });

it.each([
  [
    'another host’s certificate',
    found(fault({ cause: fault({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' }) })),
    /another host/,
  ],
  ['an old certificate', found(fault({ cause: fault({ code: 'CERT_HAS_EXPIRED' }) })), /has expired/],
  ['an authority nobody knows', fault({ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' }), /tlsCAFile/],
  ['a file that may not be read', fault({ code: 'EACCES' }), /cannot be read \(EACCES\)/],
  [
    'no TLS there',
    found(
      fault({}, 'Client network socket disconnected before secure TLS connection was established'), // Node's words
    ),
    /does not speak TLS/,
  ],
  ['a wrong password', new mongo.MongoServerError({ message: 'Authentication failed.', code: 18 }), /user or password/],
])('%s', (_what, error, advice) => {
  expect(adviceOnMongo(error)).toMatch(advice);
  expect(adviceOnMongo(error)).not.toContain('secret');
});

it.each([fault({ code: 'ECONNREFUSED' }), new mongo.MongoServerError({ message: 'x', code: 13 }), 'text', undefined])(
  'of what it does not know it says nothing: %#',
  (error) => {
    expect(adviceOnMongo(error)).toBeUndefined();
  },
);
