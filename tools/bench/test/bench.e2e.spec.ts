// The short form of `make bench`, for `make test`: that the benches run and tell figures. No figure is judged here; the machine is busy.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { LoadFigures } from '../src/load-report.ts';
import { COMPAT } from '../src/load-tool.ts';

const run = promisify(execFile);
const bench = (...args: string[]) =>
  run(process.execPath, [join(import.meta.dirname, '../src/main.ts'), ...args], { timeout: 110_000 });

let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'caregate-bench-test-'));
});
afterAll(() => rm(scratch, { recursive: true }));

if (!existsSync(COMPAT)) console.warn(`The load tool is not in ${COMPAT}: the bench of requests is not tried.`);

(existsSync(COMPAT) ? test : test.skip)('requests are measured beside the bare reference', async () => {
  const json = join(scratch, 'load.json');
  const scenarios = ['get_clinic', 'list_patients', 'update_patient'];
  const { stdout } = await bench('load', '--short', '--scenarios', scenarios.join(','), '--json', json);
  const figures = JSON.parse(await readFile(json, 'utf8')) as LoadFigures; // the bench's own
  expect(Object.keys(figures.caregate)).toEqual(scenarios);
  expect(Object.keys(figures.bare)).toEqual(scenarios);
  for (const { rps, errors } of Object.values(figures.caregate)) expect([rps > 0, errors]).toEqual([true, 0]);
  expect(stdout).toMatch(/list_patients, part of bare +at least 0\.5 +\d/);
  expect(stdout).toMatch(/memory \(RSS\) under load, at most +under 200 MiB +\d+ MiB/);
});

test('whatever is to be proven is found, the soaks by their name', async () => {
  const { stdout } = await bench('prove', '--list');
  expect(stdout.trim().split('\n')).toEqual(
    expect.arrayContaining([
      'tools/e2e/test/isolation.e2e.spec.ts',
      'tools/e2e/test/moves.e2e.spec.ts',
      'tools/e2e/test/event-faults.soak.ts',
      'libs/change-events/test/poison.soak.ts',
    ]),
  );
});
