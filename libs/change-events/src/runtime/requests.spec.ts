import { inRequests } from './requests.ts';

const messages = (...sizes: number[]) => sizes.map((size) => ({ message: { value: Buffer.alloc(size) } }));
const sizes = (requests: readonly (readonly { message: { value: Buffer } }[])[]) =>
  requests.map((some) => some.map(({ message }) => message.value.length));

test('small messages share a request, a large one has one to itself, and all keep their order', () => {
  expect(sizes(inRequests(messages(1, 2, 600_000, 3, 500_000, 500_000)))).toEqual([
    [1, 2],
    [600_000],
    [3, 500_000],
    [500_000],
  ]);
});

test('twenty thousand empty messages are not one request', () => {
  const requests = inRequests(messages(...Array<number>(20_000).fill(0)));
  expect(requests.flat()).toHaveLength(20_000);
  expect(Math.max(...requests.map((some) => some.length))).toBeLessThan(2_000);
});

test('nothing needs no request', () => {
  expect(inRequests([])).toEqual([]);
});
