import { figuresIn, proveTable } from './prove-report.ts';

const proof = {
  date: '2026-11-25',
  minutes: 31.4,
  cores: 2,
  whole: true,
  tried: [
    {
      file: 'tools/e2e/test/crash.soak.ts',
      seconds: 60,
      figures: ['12 kills'],
      tests: [
        { title: 'no acknowledged write is lost', held: true },
        { title: 'a backup comes back', held: false, reason: 'two rows | differ' },
      ],
    },
  ],
};

test('the table says what was tried, what held and what was lost, and why', () => {
  const table = proveTable(proof);
  expect(table).toContain('2026-11-25, 2 cores, 31 minutes: 2 tried, 1 held, 1 lost.');
  expect(table).toMatch(/\| no acknowledged write is lost +\| held +\| 12 kills +\| \[crash\.soak\.ts\]/);
  expect(table).toMatch(/\| a backup comes back +\| LOST: two rows \\\| differ +\|/);
});

test('what was not run to the end is told', () => {
  expect(proveTable({ ...proof, whole: false })).toContain('Not all was run.');
});

test('figures are found in what tests say', () => {
  expect(
    figuresIn('  console.log\n    figure: p99 300 ms\n\n   at x\nwriters waited 353 ms (median of the moves)\n'),
  ).toEqual(['p99 300 ms', 'writers waited 353 ms (median of the moves)']);
});
