import { WaitingRoom } from './waiting-room.ts';

/** Those in capitals are of callers who are known. */
const item = (name: string) => ({ name, line: name.slice(0, 1), isKnown: name === name.toUpperCase() });
function roomOf(most: number, ...names: string[]) {
  const room = new WaitingRoom<ReturnType<typeof item>>(most);
  const refused = names.map((name) => room.push(item(name))?.name);
  return { room, refused };
}
const rest = ({ room }: ReturnType<typeof roomOf>) =>
  Array.from({ length: room.size }, () => room.shift()?.name).join(' ');

test('lines take turns, and each keeps its order', () => {
  expect(rest(roomOf(10, 'a1', 'a2', 'a3', 'b1', 'b2', 'c1'))).toBe('a1 b1 c1 a2 b2 a3');
});

test('when it is full, the newest of the longest line makes place for one of a shorter line', () => {
  const full = roomOf(3, 'a1', 'a2', 'a3', 'b1', 'c1', 'd1', 'a4');
  expect(full.refused).toEqual([undefined, undefined, undefined, 'a3', 'a2', 'd1', 'a4']);
  expect(rest(full)).toBe('a1 b1 c1');
});

test('those that have waited too long can be taken out', () => {
  const waiting = roomOf(10, 'a1', 'a2', 'b1', 'c1', 'c2');
  expect(waiting.room.take(({ name }) => name === 'a2' || name === 'b1').map(({ name }) => name)).toEqual(['a2', 'b1']);
  expect(rest(waiting)).toBe('a1 c1 c2');
  expect(waiting.room.shift()).toBeUndefined();
});

test('of two places one goes to callers who are known, however many networks of strangers there are', () => {
  expect(rest(roomOf(20, 'a1', 'b1', 'c1', 'd1', 'e1', 'A1', 'A2', 'B1'))).toBe('A1 a1 B1 b1 A2 c1 d1 e1');
});

test('strangers who fill the room make place for callers who are known, up to half of it, and the other way about', () => {
  const full = roomOf(4, 'a1', 'b1', 'c1', 'd1', 'A1', 'B1', 'C1');
  expect(full.refused).toEqual([undefined, undefined, undefined, undefined, 'a1', 'b1', 'C1']);
  expect(rest(full)).toBe('A1 c1 B1 d1');
  expect(roomOf(4, 'A1', 'B1', 'C1', 'D1', 'a1', 'b1', 'c1').refused.slice(4)).toEqual(['A1', 'B1', 'c1']);
});
