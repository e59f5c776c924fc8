import { existsSync } from 'node:fs';
import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../../..');

/** What is run at once: test files of one project. */
export interface Step {
  readonly project: string;
  readonly files: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Starts servers of its own, which it may kill. */
  readonly own: boolean;
}

/** Beside the tests that docs/security.md names; `make test` has these in a short form, or as they are. */
const NAMED = [
  'libs/service/test/hardening.int.spec.ts',
  'libs/service/test/shed-load.int.spec.ts',
  'tools/e2e/test/isolation.e2e.spec.ts',
  'tools/e2e/test/least-data.e2e.spec.ts',
  'tools/e2e/test/faults.e2e.spec.ts',
  'tools/e2e/test/restore.e2e.spec.ts',
  'tools/e2e/test/moves.e2e.spec.ts',
  'apps/gatekeeper-sync/test/drift.int.spec.ts',
];
/** In their full form. */
const FULL: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'tools/e2e/test/moves.e2e.spec.ts': { MOVE_PATIENTS: '10000', MOVE_PAUSE_MS: '1000' },
  'apps/gatekeeper-sync/test/drift.int.spec.ts': { DRIFT_TEST_PATIENTS: '100000' },
};

/** Everything that is to be tried: first what wants servers given, project by project, then what has its own. */
export async function everyStep(word: string): Promise<Step[]> {
  const soaks: string[] = [];
  for await (const file of glob('{tools,libs,apps}/*/{test,src}/**/*.soak.ts', { cwd: ROOT })) soaks.push(file);
  const page = await readFile(join(ROOT, 'docs/security.md'), 'utf8').catch(() => '');
  const files = [...testsNamedIn(page), ...NAMED, ...soaks.sort()].filter(
    (file) => file.includes(word) && existsSync(join(ROOT, file)),
  );
  const isShortFormOf = (file: string) =>
    soaks.includes(file.replace('.e2e.spec.ts', '.soak.ts')) && !soaks.includes(file);
  return stepsOf([...new Set(files)].filter((file) => !isShortFormOf(file)));
}

/** Tests that need servers; the others are quick and have just run in `make test`. */
export const testsNamedIn = (page: string): string[] => [
  ...new Set([...page.matchAll(/(?:apps|libs|tools)\/[\w./-]+\.(?:int|e2e)\.spec\.ts/g)].map(([file]) => file)),
];

/** What is long is a step by itself, so that its figures are its own. */
export function stepsOf(files: readonly string[]): Step[] {
  const isSingle = (file: string) => isOwn(file) || file.endsWith('.soak.ts') || file in FULL;
  const single = files.filter(isSingle).map((file) => step([file], FULL[file]));
  const grouped = [
    ...Map.groupBy(
      files.filter((file) => !isSingle(file)),
      projectOf,
    ).values(),
  ].map((each) => step(each));
  return [...grouped, ...single.filter(({ own }) => !own), ...single.filter(({ own }) => own)];
}

const step = (files: readonly string[], env?: Step['env']): Step => ({
  project: projectOf(files[0] ?? ''),
  files,
  own: files.some(isOwn),
  ...(env && { env }),
});

const projectOf = (file: string) => file.split('/').slice(0, 2).join('/');
const isOwn = (file: string) => file.startsWith('tools/e2e/') || file.endsWith('.e2e.spec.ts');
