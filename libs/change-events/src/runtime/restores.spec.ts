import { mongo } from 'mongoose';
import { type RestoreDocument, Restores } from './restores.ts';

const at = (t: number, i = 1) => new mongo.Timestamp({ t, i });
const restore = (backup: number, restored: number): RestoreDocument => ({
  _id: String(backup),
  backup: at(backup, 5),
  restored: at(restored),
  restoredTime: new Date(restored * 1_000),
  dealtWith: [{ topic: 'au1.patients', partition: 1, offset: '7' }],
});
const event = (t: number, i?: number) => ({ time: new Date(t * 1_000), ...(i !== undefined && { moment: { t, i } }) });

test('what was committed after a backup that was restored, and before the restore, is undone', () => {
  const restores = new Restores([restore(100, 200), restore(300, 400)]);
  const standing = [event(100, 5), event(100, 6), event(200, 1), event(200, 2), event(350, 1), event(400, 2)];
  expect(standing.map((each) => restores.standingOf(each))).toEqual([
    'before a restore',
    'undone',
    'undone',
    'before a restore', // of the second
    'undone',
    'counts',
  ]);
});

test('what has no moment in the oplog is told by its time', () => {
  const restores = new Restores([restore(100, 200)]);
  expect([event(100), event(150), event(201)].map((each) => restores.standingOf(each))).toEqual([
    'before a restore',
    'undone',
    'counts',
  ]);
  expect(Restores.none.standingOf(event(1))).toBe('counts');
});

test('what the worker had dealt with is known by its place', () => {
  const restores = new Restores([restore(100, 200)]);
  const place = (partition: number, offset: bigint) => ({ topic: 'au1.patients', partition, offset });
  expect([place(1, 6n), place(1, 7n), place(0, 1n)].map((each) => restores.wasDealtWith(each))).toEqual([
    true,
    false,
    false,
  ]);
});
