import { ServiceUnavailable } from '@caregate/service';
import { mongo } from 'mongoose';
import { describeFailure, failureKind, GiveUp, retryAfter, withoutPersons } from './failures.ts';

it.each([
  [new GiveUp('no'), 'permanent'],
  [new Error('wrapped', { cause: new GiveUp('no') }), 'permanent'],
  [new ServiceUnavailable('identity is away'), 'away'],
  [new mongo.MongoServerSelectionError('away', new Map() as never), 'away'],
  [new mongo.MongoNetworkError('cut'), 'away'],
  [Object.assign(new mongo.MongoServerError({}), { errorResponse: new mongo.MongoNetworkError('cut') }), 'away'],
  [Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }), 'away'],
  [new TypeError('fetch failed', { cause: Object.assign(new Error(), { code: 'ECONNRESET' }) }), 'away'],
  [new TypeError('cannot read properties of undefined'), 'fault'],
  ['a text', 'fault'],
])('%s is %s', (error, kind) => expect(failureKind(error)).toBe(kind));

it.each([
  [new ServiceUnavailable('in doubt', 1_800), 1_800_000],
  [new Error('wrapped', { cause: new ServiceUnavailable('in doubt', 90.5) }), 91_000],
  [new ServiceUnavailable('identity is away'), undefined],
  [new Error('no'), undefined],
])('%s asks for a pause of %s', (error, pause) => expect(retryAfter(error)).toBe(pause));

it('keeps what identifies a person out of what is kept of an error', () => {
  const error = new Error('E11000 dup key: { email: "pat@example.com", name: "Pat" } for <pat@example.com>');
  const { reason, stack } = describeFailure(error);
  expect(reason).toBe('Error: E11000 dup key: {…} for <…@…>');
  expect(stack).not.toMatch(/pat/i);
  expect(withoutPersons('no address here')).toBe('no address here');
});
