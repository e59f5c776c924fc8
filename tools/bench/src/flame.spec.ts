import { flameGraph, stacksOf, widest } from './flame.ts';

const frame = (functionName: string, url = '') => ({ functionName, url, lineNumber: 0 });
const profile = {
  nodes: [
    { id: 1, callFrame: frame('(root)'), children: [2, 3] },
    { id: 2, callFrame: frame('(idle)') },
    { id: 3, callFrame: frame('answer', 'file:///app/main.js'), children: [4] },
    { id: 4, callFrame: frame('find<T>', 'file:///x/node_modules/mongodb/lib/a.js') },
  ],
  samples: [2, 3, 4, 4],
  timeDeltas: [1_000, 100, 200, 100],
};

test('time is of who works, not of waiting', () => {
  const stacks = stacksOf(profile);
  expect(stacks.total).toBe(400);
  expect(widest(stacks, 2)).toEqual([
    { name: 'find<T> (mongodb)', self: 0.75 },
    { name: 'answer (main.js:1)', self: 0.25 },
  ]);
});

test('the graph shows each function once below what it calls, with names that do no harm', () => {
  const svg = flameGraph('A & B', stacksOf(profile));
  expect(svg).toContain('A &amp; B');
  expect(svg).toContain('find&lt;T&gt; (mongodb): 75.0 %');
  expect(svg).not.toContain('(idle)');
  expect(svg).not.toContain('data-depth');
});

test('what came before is left out', () => {
  expect(stacksOf(profile, 1_200).total).toBe(300);
});
