import { isShardId } from '@caregate/shard';
import { PageSize } from './page-size.ts';
import { ShardRefused } from './shard-moves.ts';

const timedOut = Object.assign(new Error('the operation was aborted due to timeout'), { name: 'TimeoutError' });

test('a page becomes smaller each time that a shard takes too long, down to ten documents, and then it is given up', () => {
  const page = new PageSize();
  const sizes = [page.current];
  while (page.shrinkAfter(timedOut)) sizes.push(page.current);
  expect(sizes).toEqual([5_000, 1_000, 200, 40, 10]);
});

test('a refusal for too much work makes it smaller as well, any other fault does not', () => {
  const au1 = 'au1';
  if (!isShardId(au1)) throw new Error('it is one');
  const page = new PageSize();
  expect([
    page.shrinkAfter(new ShardRefused(au1, 409, 'no')),
    page.shrinkAfter(new Error('connection refused')),
    page.shrinkAfter(new ShardRefused(au1, 503, 'too much')),
    page.current,
  ]).toEqual([false, false, true, 1_000]);
});
