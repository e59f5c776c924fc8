import { figuresIn, proveTable, withAgain } from './prove-report.ts';

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

test('what was run again takes the place of its first outcome, and the table says so', () => {
  const [crash] = proof.tried;
  if (!crash) throw new Error('there is one');
  const held = { ...crash, tests: crash.tests.map(({ title }) => ({ title, held: true })) };
  const table = proveTable(withAgain(proof, { ...proof, minutes: 2, whole: false, tried: [held] }));
  expect(table).toContain('33 minutes: 2 tried, 2 held, 0 lost. Run again by themselves: crash.soak.ts.');
});

test('figures are found in what tests say', () => {
  const said = [
    '  console.log\n    figure: p99 300 ms\n\n   at x',
    'writers waited 353 ms (median of the moves)',
    'kafka: replicated 10200 ms, mailed 8 ms after; {}',
    'worker: replicated 20 ms, mailed 8 ms after; {}',
    JSON.stringify({ what: 'listing', usual: '1/s', taken: '2/s', turnedAway: '3', failed: 0 }, undefined, 2),
  ];
  expect(figuresIn(said.join('\n'))).toEqual([
    'p99 300 ms',
    'writers waited 353 ms (median of the moves)',
    'listing: taken 2/s; turned away 3',
    '2 kills, permissions went on at most 10.2 s after',
  ]);
});
