import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FuzzError, run } from './python.ts';

export interface RunPlan {
  readonly phases: readonly string[];
  /** Per operation. */
  readonly examples: number;
  readonly seed: number;
  /**
   * Takes 503 for an answer. On a machine that is busy with other things the API may lose sight of its database for a
   * few seconds, and says so.
   */
  readonly mayBeBusy?: boolean;
}

export interface Outcome {
  readonly cases: number;
  /** Requests that the API took, of those that the contract says it can. */
  readonly accepted: number;
  readonly failures: number;
  /** What Schemathesis says, for a person. */
  readonly output: string;
}

/**
 * What is checked of every answer. Left out, with reasons:
 * - negative_data_rejection: unknown query parameters and properties are ignored, as clients of the public service expect;
 *   that wrong values are refused is tested in apps/clinic-api/test/bad-input.int.spec.ts.
 * - positive_data_acceptance: the contract cannot say every rule of the domain, such as unique names.
 * - unsupported_method, allow_header_conformance: another method is answered with 404, as by the public service.
 * - missing_required_header, ignored_auth: who may call is tested in apps/clinic-api/test/access.int.spec.ts.
 */
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_headers_conformance',
  'response_schema_conformance',
];

/** Schemathesis tries methods that the contract leaves out; among them would be the one that signs the caller out. */
const CONFIG = `[phases.coverage]
unexpected-methods = ["TRACE", "OPTIONS"]
`;
const MAY_BE_BUSY = `[checks]
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 503]
`;

/** Runs Schemathesis over the contract in the folder, as one caller. */
export async function runSchemathesis(
  packages: string,
  {
    folder,
    url,
    headers,
    plan,
    signal,
  }: { folder: string; url: string; headers: Readonly<Record<string, string>>; plan: RunPlan; signal?: AbortSignal },
): Promise<Outcome> {
  const isKnown = Object.keys(headers).length > 0;
  const args = [
    ...['-m', 'schemathesis.cli', 'run', 'contract.json', '--url', url, '--no-color'],
    ...['--checks', CHECKS.join(','), '--phases', plan.phases.join(',')],
    ...['--max-examples', String(plan.examples), '--seed', String(plan.seed), '--generation-deterministic'],
    ...['--continue-on-failure', '--suppress-health-check', 'all', '--warnings', 'off'],
    ...['--request-timeout', '30', '--report', 'json', '--report-json-path', 'report.json'],
    // Somebody unknown tries tokens that nobody has; the others have their own.
    ...(isKnown ? ['--generation-with-security-parameters', 'false'] : []),
    ...Object.entries(headers).flatMap(([name, value]) => ['--header', `${name}:${value}`]),
  ];
  await writeFile(join(folder, 'schemathesis.toml'), CONFIG + (plan.mayBeBusy ? MAY_BE_BUSY : ''));
  const { output } = await run('python3', args, {
    cwd: folder,
    env: { ...process.env, PYTHONPATH: packages },
    ...(signal && { signal }),
  });
  const report = await readReport(join(folder, 'report.json'), output);
  const rates = Object.values(report.valid_rates).flatMap((phases) => Object.values(phases));
  return {
    cases: report.test_cases.generated,
    accepted: rates.reduce((sum, { accepted }) => sum + accepted, 0),
    failures: report.test_cases.unique_failures + report.errors.length + (report.complete ? 0 : 1),
    output,
  };
}

interface Report {
  readonly complete: boolean;
  readonly test_cases: { readonly generated: number; readonly unique_failures: number };
  readonly errors: readonly unknown[];
  readonly valid_rates: Readonly<Record<string, Readonly<Record<string, { readonly accepted: number }>>>>;
}

async function readReport(path: string, output: string): Promise<Report> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Report; // the pinned version's form
  } catch {
    throw new FuzzError(`Schemathesis ended without a report:\n${output.split('\n').slice(-20).join('\n')}`);
  }
}
