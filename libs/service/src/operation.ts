import { applyDecorators, HttpCode, RequestMapping, RequestMethod } from '@nestjs/common';
import { type NestFastifyApplication, RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** What the edge needs to know of a contract; `@caregate/contracts` makes these from the OpenAPI bundles. */
export interface ServedContract {
  /** @throws {Error} when the contract has no such operation, so that a route outside the contract cannot exist */
  operation(operationId: string): ServedOperation;
  /** @throws {Error & { where }} when the request breaks the contract */
  validate(operationId: string, request: RawRequest): ValidRequest;
}

export interface ServedOperation {
  readonly operationId: string;
  readonly method: string;
  /** As in OpenAPI: `/v1/clinics/{clinicId}`. */
  readonly path: string;
  readonly successStatus: number;
}

export interface RawRequest {
  readonly params: unknown;
  readonly query: unknown;
  readonly headers: unknown;
  readonly body: unknown;
  readonly contentType?: string | undefined;
}

export interface ValidRequest {
  readonly params: Record<string, unknown>;
  readonly query: Record<string, unknown>;
  readonly body: unknown;
}

interface OperationConfig {
  readonly contract: ServedContract;
  readonly operation: ServedOperation;
}

/** Binds a controller method to an operation of the contract: its method, path, success status and validation. */
export function operationDecorator<OperationId extends string>(contract: ServedContract) {
  return (operationId: OperationId): MethodDecorator => {
    const operation = contract.operation(operationId);
    const config: OperationConfig = { contract, operation };
    return applyDecorators(
      RequestMapping({ path: operation.path.replace(/\{(\w+)\}/g, ':$1'), method: methodOf(operation.method) }),
      HttpCode(operation.successStatus),
      RouteConfig({ operation: config }),
    );
  };
}

function methodOf(method: string): RequestMethod {
  const found = RequestMethod[method.toUpperCase() as keyof typeof RequestMethod]; // OpenAPI's methods are a subset of Nest's
  if (found === undefined) throw new Error(`no HTTP method ${method}`);
  return found;
}

/** The operation that a request is for; undefined for health, metrics and pages. */
export function operationOf(request: FastifyRequest): ServedOperation | undefined {
  return configOf(request)?.operation;
}

function configOf(request: FastifyRequest): OperationConfig | undefined {
  // Only `operationDecorator` writes this key of the route's config.
  return (request.routeOptions.config as { operation?: OperationConfig } | undefined)?.operation;
}

/** Longer than a body takes to come, and short for whoever takes a right away. */
const ADMITTED_FOR_MS = 1_000;

/**
 * Admits and validates each request for an operation, in this order: first who calls and whether they may (before the body is even read),
 * then the contract. `admit` throws what the caller is to be told. It is asked again when the body was long in coming: a right that has
 * been taken away meanwhile must not be kept by holding a body back.
 */
export function guardOperations(
  app: NestFastifyApplication,
  admit: (request: FastifyRequest, operation: ServedOperation, reply: FastifyReply) => Promise<void>,
): void {
  const fastify = app.getHttpAdapter().getInstance();
  const admitted = new WeakMap<FastifyRequest, number>();
  fastify.addHook('onRequest', async (request, reply) => {
    const config = configOf(request);
    if (!config) return;
    admitted.set(request, performance.now());
    await admit(request, config.operation, reply);
  });
  fastify.addHook('preHandler', async (request, reply) => {
    const config = configOf(request);
    if (!config) return;
    const since = admitted.get(request) ?? 0;
    if (performance.now() - since > ADMITTED_FOR_MS) await admit(request, config.operation, reply);
    const { params, query, headers, body } = request;
    const valid = config.contract.validate(config.operation.operationId, {
      params,
      query,
      headers,
      body,
      contentType: request.headers['content-type'],
    });
    Object.assign(request, { params: valid.params, query: valid.query, body: valid.body });
  });
}
