import { resolveSchema, type MediaType, type OpenApiDocument, type Parameter, type Schema } from './openapi.ts';
import { operation } from './operations.ts';

export interface ExampleRequest {
  /** With the parameters filled in and the required query: `/v1/clinics/6b057cd309991920b5d73799`. */
  readonly url: string;
  readonly method: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly contentType?: string;
}

/**
 * A request that the contract accepts, for tests that try every operation. `params` replaces examples of path
 * parameters by things that exist.
 */
export function exampleRequest(
  document: OpenApiDocument,
  operationId: string,
  params: Readonly<Record<string, string>> = {},
): ExampleRequest {
  const { method, path, pathParameters, queryParameters, requestBody } = operation(document, operationId);
  const inPath = { ...exampleTexts(document, pathParameters), ...params };
  const query = exampleTexts(
    document,
    queryParameters.filter(({ required }) => required),
  );
  const [media] = Object.entries(requestBody?.content ?? {});
  const search = new URLSearchParams(query).toString();
  return {
    url: path.replaceAll(/\{(\w+)\}/g, (_, name) => encodeURIComponent(inPath[name] ?? '')) + (search && `?${search}`),
    method,
    params: inPath,
    query,
    ...(media && { contentType: media[0], body: exampleOf(document, media[1]) }),
  };
}

function exampleTexts(document: OpenApiDocument, parameters: readonly Parameter[]): Record<string, string> {
  return Object.fromEntries(parameters.map((parameter) => [parameter.name, String(exampleOf(document, parameter))]));
}

/** The example of a body: its own, that of its schema, or one made of the examples of its parts; or undefined. */
export function exampleOf(document: OpenApiDocument, { example, schema }: MediaType): unknown {
  return example ?? (schema && exampleOfSchema(document, schema));
}

function exampleOfSchema(document: OpenApiDocument, schema: Schema): unknown {
  const resolved = resolveSchema(document, schema);
  if (resolved.example !== undefined) return resolved.example;
  if (resolved.type === 'array' && resolved.items) return listOf(exampleOfSchema(document, resolved.items));
  if (resolved.type !== 'object' || resolved.properties === undefined) return undefined;
  const parts = Object.entries(resolved.properties)
    .map(([name, property]) => [name, exampleOfSchema(document, property)] as const)
    .filter(([, example]) => example !== undefined);
  return parts.length === 0 ? undefined : Object.fromEntries(parts);
}

function listOf(item: unknown): unknown[] | undefined {
  return item === undefined ? undefined : [item];
}
