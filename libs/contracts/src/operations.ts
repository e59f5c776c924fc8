import {
  METHODS,
  resolve,
  type MediaType,
  type Method,
  type OpenApiDocument,
  type OperationObject,
  type Parameter,
  type PathItem,
  type RequestBody,
  type Response,
  type SecurityRequirement,
} from './openapi.ts';

/** One operation of a contract. Schemas in it keep their references; `resolveSchema` follows them when needed. */
export interface Operation {
  readonly operationId: string;
  readonly method: Method;
  /** As in the contract, with `{name}` for each path parameter. */
  readonly path: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description: string;
  readonly pathParameters: readonly Parameter[];
  readonly queryParameters: readonly Parameter[];
  readonly headerParameters: readonly Parameter[];
  readonly requestBody?: { readonly required: boolean; readonly content: Readonly<Record<string, MediaType>> };
  /** By status: three digits, or `4XX`. */
  readonly responses: Readonly<Record<string, Response>>;
  /** Ways of authentication of which one is enough; empty when none is needed. */
  readonly security: readonly SecurityRequirement[];
}

const known = new WeakMap<OpenApiDocument, readonly Operation[]>();

/** Every operation of a contract, in the order of the contract. */
export function operations(document: OpenApiDocument): readonly Operation[] {
  let list = known.get(document);
  if (list === undefined) {
    list = Object.entries(document.paths).flatMap(([path, item]) => operationsAt(document, path, item));
    known.set(document, list);
  }
  return list;
}

/** The operation with this id. Throws when the contract has none: a programming error. */
export function operation(document: OpenApiDocument, operationId: string): Operation {
  const found = operations(document).find((candidate) => candidate.operationId === operationId);
  if (found === undefined) throw new Error(`the contract "${document.info.title}" has no operation ${operationId}`);
  return found;
}

/** The path of an operation as Fastify and Nest write it: `/v1/clinics/:clinicId`. */
export function routePath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}

function operationsAt(document: OpenApiDocument, path: string, item: PathItem): Operation[] {
  return METHODS.flatMap((method) => {
    const declared = item[method];
    return declared === undefined ? [] : [toOperation(document, path, method, item, declared)];
  });
}

function toOperation(
  document: OpenApiDocument,
  path: string,
  method: Method,
  item: PathItem,
  declared: OperationObject,
): Operation {
  const parameters = [...(item.parameters ?? []), ...(declared.parameters ?? [])].map((parameter) =>
    resolve<Parameter>(document, parameter),
  );
  const among = (place: Parameter['in']) => parameters.filter((parameter) => parameter.in === place);
  const body = declared.requestBody && resolve<RequestBody>(document, declared.requestBody);
  return {
    operationId: declared.operationId,
    method,
    path,
    tags: declared.tags ?? [],
    summary: declared.summary ?? '',
    description: declared.description ?? '',
    pathParameters: among('path'),
    queryParameters: among('query'),
    headerParameters: among('header'),
    ...(body && { requestBody: { required: body.required ?? false, content: body.content } }),
    responses: Object.fromEntries(
      Object.entries(declared.responses).map(([status, response]) => [status, resolve<Response>(document, response)]),
    ),
    security: declared.security ?? document.security ?? [],
  };
}
