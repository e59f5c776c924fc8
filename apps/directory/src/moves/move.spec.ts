import { isShardId, parseShardId, parseSubdomain } from '@caregate/shard';
import { type MoveDocument, moveView } from './move.ts';

const start = new Date('2026-11-24T12:00:00Z');
const move = (changes: Partial<MoveDocument> = {}): MoveDocument => ({
  _id: 'm',
  accountId: 'a',
  subdomain: parseSubdomain('good-times'),
  from: parseShardId('au1'),
  to: parseShardId('uk1'),
  phase: 'copying',
  collections: [
    { collection: 'patients', count: 900, late: false },
    { collection: 'clinics', count: 100, late: false },
  ],
  cursor: { collection: 0 },
  copied: 250,
  copyingSince: start,
  fences: 0,
  mismatches: 0,
  pausedMs: 0,
  notBefore: start,
  failures: 0,
  startedTime: start,
  updatedTime: start,
  history: [],
  ...changes,
});

test('the time left follows from what was copied in the time that was taken', () => {
  expect(moveView(move(), new Date(start.getTime() + 5_000)).progress).toEqual({
    copied: 250,
    total: 1000,
    secondsLeft: 15,
  });
});

test('more than was counted at the start can be copied', () => {
  expect(moveView(move({ copied: 1003 })).progress).toMatchObject({ copied: 1003, total: 1003 });
});

test('a move that is done says that the account has moved and for how long writers waited', () => {
  const view = moveView(move({ phase: 'done', movedTime: start, pausedMs: 312.4 }));
  expect(view).toMatchObject({ moved: true, phase: 'done', progress: { pausedMs: 312 } });
  expect(isShardId(view.to)).toBe(true);
});
