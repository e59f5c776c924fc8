/** How the typed client is called, from the contract's own examples, for the page of the contracts. */
import { contracts, type ContractName } from './contracts.ts';
import { exampleOf, exampleRequest } from './examples.ts';
import type { OpenApiDocument, Parameter } from './openapi.ts';
import { operation, type Operation } from './operations.ts';
import { requestValidator } from './request-validation.ts';

/** A call of one operation by the client of its contract (`createClinicClient(…)` and so on), in TypeScript. */
export function clientExample(name: ContractName, operationId: string): string {
  const document = contracts[name];
  const { method, path, pathParameters, queryParameters, requestBody } = operation(document, operationId);
  const options = {
    ...paramsOf(document, pathParameters, queryParameters),
    ...(requestBody && { body: bodyOf(document, operationId) }),
  };
  const given = Object.keys(options).length > 0 ? `, ${JSON.stringify(options, null, 2)}` : '';
  return `const { data, error } = await client.${method.toUpperCase()}('${path}'${given});`;
}

/** The contract with such a call under the description of each operation. */
export function withClientExamples(name: ContractName): OpenApiDocument {
  const document = contracts[name];
  const described = ({ operationId, description = '' }: Pick<Operation, 'operationId' | 'description'>) =>
    `${description}\n\n\`\`\`ts\n${clientExample(name, operationId)}\n\`\`\``;
  const paths = Object.entries(document.paths).map(([path, item]) => [
    path,
    Object.fromEntries(
      Object.entries(item).map(([key, value]) => [
        key,
        isOperation(value) ? { ...value, description: described(value) } : value,
      ]),
    ),
  ]);
  return { ...document, paths: Object.fromEntries(paths) };
}

function isOperation(value: unknown): value is Operation {
  return typeof value === 'object' && value !== null && 'operationId' in value;
}

function paramsOf(
  document: OpenApiDocument,
  pathParameters: readonly Parameter[],
  queryParameters: readonly Parameter[],
) {
  const path = examplesOf(document, pathParameters);
  const query = examplesOf(
    document,
    queryParameters.filter(({ required }) => required),
  );
  const params = { ...(path && { path }), ...(query && { query }) };
  return Object.keys(params).length > 0 ? { params } : {};
}

function examplesOf(document: OpenApiDocument, parameters: readonly Parameter[]) {
  if (parameters.length === 0) return undefined;
  return Object.fromEntries(parameters.map((parameter) => [parameter.name, exampleOf(document, parameter)]));
}

/** Without what is read-only, as a caller sends it. */
const bodyOf = (document: OpenApiDocument, operationId: string) =>
  requestValidator(document).validate(operationId, exampleRequest(document, operationId)).body;
