import { BadRequest, PayloadTooLarge } from '../errors.ts';
import { BodyBuffer } from './body-buffer.ts';

test('pieces of any size are put together', () => {
  const pieces = [0, 1, 1_000, 1_500, 70_000, 3].map((size, i) => Buffer.alloc(size, i));
  const body = new BodyBuffer();
  for (const piece of pieces) body.append(piece);
  expect(body.whole().equals(Buffer.concat(pieces))).toBe(true);
});

test('a mebibyte is taken and not a byte more', () => {
  const body = new BodyBuffer();
  for (let i = 0; i < 16; i++) body.append(Buffer.alloc(65_536));
  expect(body.whole()).toHaveLength(1_048_576);
  expect(() => body.append(Buffer.alloc(1))).toThrow(PayloadTooLarge);
});

test('10 000 pieces are taken and not one more', () => {
  const body = new BodyBuffer();
  for (let i = 0; i < 10_000; i++) body.append(Buffer.alloc(1));
  expect(() => body.append(Buffer.alloc(1))).toThrow(BadRequest);
});
