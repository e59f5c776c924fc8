import { join } from 'node:path';
import ts from 'typescript';
import { clientExample } from './client-example.ts';
import {
  type CallerOptions,
  createAccountClient,
  createClinicClient,
  createDirectoryClient,
  createGatekeeperClient,
} from './clients.ts';
import { contracts, type ContractName } from './contracts.ts';
import { docsAssets } from './docs.ts';
import { exampleRequest } from './examples.ts';
import { operations } from './operations.ts';
import { requestValidator } from './request-validation.ts';

const clients = {
  clinic: createClinicClient,
  account: createAccountClient,
  gatekeeper: createGatekeeperClient,
  directory: createDirectoryClient,
} as const;
const names = Object.keys(contracts) as ContractName[]; // the keys of the record
const everyOperation = names.flatMap((name) =>
  operations(contracts[name]).map(({ operationId }) => ({ name, operationId })),
);

/** A compilation of so many calls takes a while. */
const PATIENTLY = 120_000;

test(
  'the client of each contract has a call for every operation, as the page shows it, that TypeScript accepts',
  () => {
    const calls = everyOperation.map(
      ({ name, operationId }) =>
        `export async function ${operationId}(client: ${typeOf(name)}) {\n${clientExample(name, operationId)}\nreturn { data, error };\n}`,
    );
    expect(calls.length).toBeGreaterThan(100);
    const types = names.map(typeOf).join(', ');
    expect(faultsOf(`import type { ${types} } from './clients.ts';\n${calls.join('\n')}`)).toEqual([]);
  },
  PATIENTLY,
);

test('the check would see a call that the client does not have', () => {
  const wrong = `import type { ClinicClient } from './clients.ts';
export const call = (client: ClinicClient) => client.GET('/v1/nothing', {});`;
  expect(faultsOf(wrong)).not.toEqual([]);
}, 120_000);

test.each(everyOperation)('$name $operationId is sent by the client as the contract shows it', async (each) => {
  const { name, operationId } = each;
  const sent: Request[] = [];
  const options: CallerOptions = {
    baseUrl: 'http://caregate.example',
    fetch: async (request) => {
      sent.push(request);
      return new Response(null, { status: 204 });
    },
  };
  await run(clientExample(name, operationId), clients[name](options));
  const expected = exampleRequest(contracts[name], operationId);
  const [request] = sent;
  expect(request?.method).toBe(expected.method.toUpperCase());
  const { pathname, searchParams } = new URL(request?.url ?? '');
  expect(decodeURIComponent(pathname)).toBe(decodeURIComponent(expected.url.split('?')[0] ?? ''));
  expect(Object.fromEntries(searchParams)).toEqual(expected.query);
  const text = await request?.text();
  const { body } = requestValidator(contracts[name]).validate(operationId, expected);
  expect(text ? JSON.parse(text) : undefined).toEqual(body);
});

test.each(names)('the page of %s shows a call of every operation', (name) => {
  const served = docsAssets([name]).files.find(({ path }) => path === `/docs/${name}.json`);
  const page = served && 'text' in served ? served.text : '';
  for (const { operationId } of operations(contracts[name])) {
    expect(page).toContain(JSON.stringify(clientExample(name, operationId)).slice(1, -1));
  }
});

const typeOf = (name: ContractName) => `${name.charAt(0).toUpperCase()}${name.slice(1)}Client`;

/** Runs a call as it is shown. */
function run(call: string, client: unknown): Promise<unknown> {
  const body = `return (async () => { ${call} return { data, error }; })();`;
  return new Function('client', body)(client) as Promise<unknown>; // it is the contract's own text
}

/** What TypeScript has against a module beside this one. */
function faultsOf(text: string): string[] {
  const config = ts.readConfigFile(join(import.meta.dirname, '../tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, join(import.meta.dirname, '..'));
  const file = join(import.meta.dirname, 'calls.ts');
  const host = ts.createCompilerHost({ ...options, noEmit: true });
  const { getSourceFile, fileExists } = host;
  host.fileExists = (name) => name === file || fileExists(name);
  host.getSourceFile = (name, version, ...rest) =>
    name === file ? ts.createSourceFile(name, text, version) : getSourceFile(name, version, ...rest);
  const program = ts.createProgram([file], { ...options, noEmit: true, composite: false, incremental: false }, host);
  return program
    .getSemanticDiagnostics(program.getSourceFile(file))
    .concat(program.getSyntacticDiagnostics(program.getSourceFile(file)))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}
