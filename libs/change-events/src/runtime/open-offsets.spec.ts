import fc from 'fast-check';
import { OpenOffsets } from './open-offsets.ts';

describe('open offsets', () => {
  it('may be committed up to the first that is not finished', () => {
    const offsets = new OpenOffsets();
    expect(offsets.committable).toBeUndefined();
    for (const offset of [5n, 6n, 7n]) offsets.begin(offset);
    expect(offsets.committable).toBe(5n);
    offsets.finish(6n);
    expect(offsets.committable).toBe(5n);
    offsets.finish(5n);
    expect(offsets.committable).toBe(7n);
    offsets.finish(7n);
    expect(offsets.committable).toBe(8n);
    expect(offsets.size).toBe(0);
  });

  it('are known again when they are delivered again', () => {
    const offsets = new OpenOffsets();
    offsets.begin(5n);
    offsets.begin(6n);
    offsets.finish(5n);
    expect([5n, 6n, 7n].map((offset) => offsets.begin(offset))).toEqual([false, false, true]);
  });

  it('begin anew when the topic does', () => {
    const offsets = new OpenOffsets();
    offsets.begin(5n);
    expect(offsets.begin(0n)).toBe(true);
    expect(offsets.committable).toBe(0n);
    expect(offsets.size).toBe(1);
  });

  it('skip what holds nothing, but not what is open before it', () => {
    const offsets = new OpenOffsets();
    offsets.begin(5n);
    offsets.skipTo(9n);
    expect(offsets.committable).toBe(5n);
    offsets.finish(5n);
    expect(offsets.committable).toBe(9n);
  });

  it('never lose an unfinished message, in whatever order they finish', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(3_000), { maxLength: 3_000 }),
        fc.integer({ min: 1, max: 3_000 }),
        (finishing, count) => {
          const offsets = new OpenOffsets();
          const finished = new Set<number>();
          for (let offset = 0; offset < count; offset++) offsets.begin(BigInt(offset));
          for (const offset of finishing) {
            offsets.finish(BigInt(offset));
            if (offset < count) finished.add(offset);
          }
          let first = 0;
          while (finished.has(first)) first++;
          expect(offsets.committable).toBe(BigInt(first));
          expect(offsets.size).toBe(count - finished.size);
        },
      ),
      { numRuns: 50 },
    );
  });
});
