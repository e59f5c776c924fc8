import { mongo } from 'mongoose';
import { verdictOn } from './part-of-move.ts';

const at = (seconds: number, ordinal = 1) => ({ time: new Date(seconds * 1000), ordinal });
const event = (seconds: number, coll = 'clinics', ordinal = 1) => ({
  clusterTime: at(seconds, ordinal),
  ns: { db: 'clinic', coll },
});
const moved = {
  moved: { moveId: 'm', shard: 'uk1', accountUrl: '', apiUrl: '', time: new Date(100_500), keys: [], clinics: [] },
};
const arrived = { arrived: { moveId: 'm', through: mongo.Timestamp.fromBits(5, 100), time: new Date(101_000) } };

test('an account that never moved is reacted to', () => {
  expect(verdictOn(event(1), {})).toBe('react');
});

test.each([
  [99, 9, 'nothing, a move brought it'],
  [100, 5, 'nothing, a move brought it'],
  [100, 6, 'react'],
  [101, 1, 'react'],
])('of an account that came at 100.5, the change %d.%d', (seconds, ordinal, verdict) => {
  expect(verdictOn(event(seconds, 'clinics', ordinal), arrived)).toBe(verdict);
});

test('of an account that came here, what a snapshot shows after a loss is reacted to: notes of what was done came with it', () => {
  const copied = { ns: { db: 'clinic', coll: 'clinics' } };
  expect(verdictOn({ ...copied, changedSince: new Date(0) }, arrived)).toBe('react');
  expect(verdictOn(copied, arrived)).toBe('nothing, a move brought it');
  expect(verdictOn({ ...copied, changedSince: new Date(0) }, moved)).toBe('nothing, the account has moved');
});

test('what a move is just bringing is not reacted to, and a migration waits until the account is here', () => {
  expect(verdictOn(event(1), undefined)).toBe('nothing, a move brought it');
  expect(verdictOn(event(1, 'migrations'), undefined)).toBe('wait for the account');
  expect(verdictOn(event(1, 'migrations'), arrived)).toBe('react');
});

test('where an account was, what happened before is still told, but nothing is written and no migration goes on', () => {
  expect(verdictOn(event(100), moved)).toBe('tell only');
  expect(verdictOn(event(100, 'migrations'), moved)).toBe('nothing, the account has moved');
});

test('the deletion of what was left behind is not reacted to', () => {
  expect(verdictOn(event(101), moved)).toBe('nothing, the account has moved');
});
