/** The contract against recorded exchanges with the public clinic service, where the checkout has them beside it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { contracts } from './contracts.ts';
import { operations, type Operation } from './operations.ts';
import { ContractViolation, requestValidator } from './request-validation.ts';
import { responseValidator } from './response-validation.ts';

interface Exchange {
  readonly request: { method: string; path: string; headers: Record<string, string>; body?: unknown };
  readonly response: { status: number; headers: Record<string, string>; body: string };
}

interface Step {
  readonly name: string;
  readonly quirk?: boolean;
  readonly wire: Exchange;
}

const folder = join(import.meta.dirname, '../../../../shared/compat/golden');
const flows = existsSync(folder) ? readdirSync(folder) : [];

const stepsOf = (flow: string): Step[] => JSON.parse(readFileSync(join(folder, flow), 'utf8')).steps;

const found = flows.flatMap((flow) =>
  stepsOf(flow)
    .filter(({ quirk }) => quirk !== true)
    .map((step, index) => ({ title: `${flow} ${index} ${step.name}`, exchange: step.wire, called: called(step.wire) })),
);
const exchanges = found.flatMap(({ called, ...rest }) => (called === undefined ? [] : [{ ...rest, called }]));

if (exchanges.length === 0) {
  process.stderr.write(`recorded exchanges: skipped, there are none in ${folder}\n`);
  it.skip('recorded exchanges: there are none beside this checkout', () => undefined);
} else {
  describe.each(exchanges)('$title', ({ exchange, called }) => {
    it('is judged as the public service judged it', () => {
      const problem = violationOf(called, exchange);
      if (exchange.response.status < 300) expect(problem).toBeUndefined();
      if (isSchemaFault(exchange)) expect(problem).toBeDefined();
    });

    it('is answered as the contract says', () => {
      const { status, headers, body } = exchange.response;
      const response = { status, contentType: headers['content-type'], body: body.trim() };
      expect(responseValidator(contracts.clinic).problems(called.operation.operationId, response)).toEqual([]);
    });
  });
}

interface Called {
  readonly operation: Operation;
  readonly params: Record<string, string>;
  readonly query: Record<string, string>;
}

function called({ request }: Exchange): Called | undefined {
  const url = new URL(request.path, 'http://clinic.example');
  const candidates = operations(contracts.clinic)
    .filter(({ method }) => method === request.method.toLowerCase())
    .toSorted((a, b) => a.pathParameters.length - b.pathParameters.length);
  for (const operation of candidates) {
    const pattern = new RegExp(`^${operation.path.replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`);
    const match = pattern.exec(url.pathname);
    if (match) return { operation, params: { ...match.groups }, query: Object.fromEntries(url.searchParams) };
  }
  return undefined;
}

function violationOf({ operation, params, query }: Called, { request }: Exchange): ContractViolation | undefined {
  try {
    const contentType = request.headers['content-type'];
    requestValidator(contracts.clinic).validate(operation.operationId, {
      params,
      query,
      body: request.body,
      contentType,
    });
    return undefined;
  } catch (error) {
    if (error instanceof ContractViolation) return error;
    throw error;
  }
}

/** The public service says so in its own words; other 400s come from rules of the domain. */
function isSchemaFault({ response }: Exchange): boolean {
  return (
    response.status === 400 &&
    /doesn't match schema|has an error|regex validation/.test(response.body) &&
    !isUnparsed(response)
  );
}

const isUnparsed = ({ body }: Exchange['response']) => body.includes('failed to decode');
