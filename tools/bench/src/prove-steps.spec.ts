import { stepsOf, testsNamedIn } from './prove-steps.ts';

test('tests that need servers are found in a page', () => {
  const page =
    '`apps/a/test/x.int.spec.ts`: "one"; [y](../apps/a/test/x.int.spec.ts), libs/b/src/z.spec.ts tools/e2e/test/w.e2e.spec.ts';
  expect(testsNamedIn(page)).toEqual(['apps/a/test/x.int.spec.ts', 'tools/e2e/test/w.e2e.spec.ts']);
});

test('what is given servers comes first and together; what is long, or kills its own, is by itself', () => {
  const steps = stepsOf([
    ...[
      'tools/e2e/test/w.e2e.spec.ts',
      'apps/a/test/x.int.spec.ts',
      'libs/b/test/p.soak.ts',
      'apps/a/test/y.int.spec.ts',
    ],
    'apps/gatekeeper-sync/test/drift.int.spec.ts',
  ]);
  expect(steps.map(({ files, own }) => [own, ...files])).toEqual([
    [false, 'apps/a/test/x.int.spec.ts', 'apps/a/test/y.int.spec.ts'],
    [false, 'libs/b/test/p.soak.ts'],
    [false, 'apps/gatekeeper-sync/test/drift.int.spec.ts'],
    [true, 'tools/e2e/test/w.e2e.spec.ts'],
  ]);
  expect(steps[2]?.env).toEqual({ DRIFT_TEST_PATIENTS: '100000' });
});
