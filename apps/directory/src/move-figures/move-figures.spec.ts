import type { MovePhase } from '../moves/move.ts';
import { figuresOf } from './move-figures.service.ts';

const NOW = Date.UTC(2026, 0, 31);
const ago = (seconds: number) => new Date(NOW - seconds * 1_000);
const move = (phase: MovePhase, updatedSecondsAgo: number, failures = 0, fencedSecondsAgo?: number) => ({
  phase,
  failures,
  updatedTime: ago(updatedSecondsAgo),
  history: fencedSecondsAgo === undefined ? [] : [{ phase: 'fencing' as const, time: ago(fencedSecondsAgo) }],
});

test('the move that fares worst is told, and what is left behind after a move is none', () => {
  const moves = [move('copying', 700), move('comparing', 3, 12), move('fencing', 1, 1, 90), move('waiting', 80_000, 4)];
  expect(figuresOf(moves, 2, NOW)).toEqual({
    running: 4,
    failures: 12,
    silentSeconds: 700,
    fencedSeconds: 90,
    givenUp: 2,
  });
});

test('without moves all is nought', () => {
  expect(figuresOf([], 0, NOW)).toEqual({ running: 0, failures: 0, silentSeconds: 0, fencedSeconds: 0, givenUp: 0 });
});
