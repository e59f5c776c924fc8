import type { ValidateFunction } from 'ajv';
import { KnownProperties, type Copy } from './known-properties.ts';
import type { OpenApiDocument, Parameter, Schema } from './openapi.ts';
import { operations, type Operation } from './operations.ts';
import { parameterReader, type ParameterReader } from './parameters.ts';
import { describeFault, SchemaCompiler } from './schemas.ts';

/** A request as the HTTP server has parsed it. */
export interface RawRequest {
  /** Path parameters, decoded. */
  readonly params?: unknown;
  /** Query parameters, decoded: strings, or lists of strings where a name occurs more than once. */
  readonly query?: unknown;
  /** Headers by their name in lower case; those of the contract are checked when this is given. */
  readonly headers?: unknown;
  /** The parsed body; undefined when there is none. */
  readonly body?: unknown;
  /** The `content-type` header. */
  readonly contentType?: string | undefined;
}

/** What of a request agrees with the contract, in the contract's types. */
export interface ValidRequest {
  readonly params: Readonly<Record<string, unknown>>;
  readonly query: Readonly<Record<string, unknown>>;
  /** Those of the contract, by their name in lower case. */
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: unknown;
}

/** A request that does not follow the contract. The message names the place and never the value. */
export class ContractViolation extends Error {
  override readonly name = 'ContractViolation';
  /** For example `body` or `query limit`. */
  readonly where: string;
  /** 415 for a wrong media type, otherwise 400. */
  readonly status: 400 | 415;

  constructor(message: string, where: string, status: 400 | 415 = 400) {
    super(message);
    this.where = where;
    this.status = status;
  }
}

export interface RequestValidator {
  /**
   * Checks a request and returns its parts: numbers, booleans and lists made from the text of the URL, defaults filled
   * in, unknown and read-only properties left out. Times and dates stay text.
   * Throws ContractViolation; Error when the contract has no such operation.
   */
  validate(operationId: string, request: RawRequest): ValidRequest;
  /**
   * Reads one text from elsewhere, such as another service, that is to be stored like what a request tells: by a named schema of the
   * contract, trimmed where that says so. Undefined for what no request could tell. Throws Error when the contract has no such schema.
   */
  readText(schema: string, value: unknown): string | undefined;
  /** Compiles every operation now rather than at its first request. */
  warmUp(): void;
}

const validators = new WeakMap<OpenApiDocument, RequestValidator>();

/** The validator of requests for a contract: one per contract; each operation is compiled at its first request. */
export function requestValidator(document: OpenApiDocument): RequestValidator {
  let validator = validators.get(document);
  if (validator === undefined) {
    validator = new ContractRequestValidator(document);
    validators.set(document, validator);
  }
  return validator;
}

type Check = (request: RawRequest) => ValidRequest;

type ParametersCheck = (raw: unknown) => Record<string, unknown>;

class ContractRequestValidator implements RequestValidator {
  private readonly document: OpenApiDocument;
  private readonly compiler: SchemaCompiler;
  private readonly known: KnownProperties;
  private readonly byId: ReadonlyMap<string, Operation>;
  private readonly checks = new Map<string, Check>();
  private readonly texts = new Map<string, Value>();
  private readonly parametersChecks = new Map<string, ParametersCheck>();

  constructor(document: OpenApiDocument) {
    this.document = document;
    this.compiler = new SchemaCompiler(document, 'request');
    this.known = new KnownProperties(document);
    this.byId = new Map(operations(document).map((operation) => [operation.operationId, operation]));
  }

  validate(operationId: string, request: RawRequest): ValidRequest {
    return (this.checks.get(operationId) ?? this.prepare(operationId))(request);
  }

  readText(schema: string, value: unknown): string | undefined {
    const { isValid, copy } = this.texts.get(schema) ?? this.prepareText(schema);
    if (!isValid(value)) return undefined;
    const text = copy(value);
    return typeof text === 'string' && isValid(text) ? text : undefined;
  }

  warmUp(): void {
    for (const operationId of this.byId.keys()) if (!this.checks.has(operationId)) this.prepare(operationId);
  }

  private prepareText(name: string): Value {
    const schema = this.document.components.schemas[name];
    if (schema === undefined) throw new Error(`the contract has no schema ${name}`);
    const value = { isValid: this.compiler.compile(schema), copy: this.known.copier(schema) };
    this.texts.set(name, value);
    return value;
  }

  private prepare(operationId: string): Check {
    const operation = this.byId.get(operationId);
    if (operation === undefined) throw new Error(`the contract has no operation ${operationId}`);
    const params = this.parametersCheck('path', operation.pathParameters);
    const query = this.parametersCheck('query', operation.queryParameters);
    const headers = this.parametersCheck('header', operation.headerParameters.map(inLowerCase));
    const body = this.bodyCheck(operation);
    const check: Check = (request) => ({
      params: params(request.params),
      query: query(request.query),
      headers: request.headers === undefined ? {} : headers(request.headers),
      body: body(request.body, request.contentType),
    });
    this.checks.set(operationId, check);
    return check;
  }

  /** Most operations have the parameters of others (`clinicId`), so these checks are shared. */
  private parametersCheck(place: Parameter['in'], parameters: readonly Parameter[]): ParametersCheck {
    const key = JSON.stringify([place, parameters]);
    let check = this.parametersChecks.get(key);
    if (check === undefined) {
      check = parameters.length === 0 ? () => ({}) : this.compileParameters(place, parameters);
      this.parametersChecks.set(key, check);
    }
    return check;
  }

  private compileParameters(place: Parameter['in'], parameters: readonly Parameter[]): ParametersCheck {
    const readers = parameters.map((parameter) => parameterReader(this.document, parameter));
    const isValid = this.compiler.compile({
      type: 'object',
      properties: Object.fromEntries(parameters.map(({ name, schema }) => [name, schema])),
      required: parameters.filter(({ required }) => required).map(({ name }) => name),
    });
    return (raw) => {
      const values = readAll(place, readers, raw);
      if (!isValid(values)) throw parameterViolation(place, isValid);
      return values;
    };
  }

  private bodyCheck({ requestBody }: Operation) {
    if (requestBody === undefined) return () => undefined;
    const media = Object.entries(requestBody.content).map(([type, { schema }]) => this.mediaCheck(type, schema));
    return (body: unknown, contentType: string | undefined) => {
      if (body === undefined) {
        if (requestBody.required) throw new ContractViolation('request body has an error: it is required', 'body');
        return undefined;
      }
      const type = mediaTypeOf(contentType);
      const found = media.find((candidate) => candidate.type === type);
      if (found === undefined) throw wrongMediaType(media.map((candidate) => candidate.type));
      return checkBody(found, body);
    };
  }

  private mediaCheck(type: string, schema: Schema = {}): MediaCheck {
    return { type, isValid: this.compiler.compile(schema), copy: this.known.copier(schema) };
  }
}

/** As Node names the headers of a request. */
function inLowerCase(parameter: Parameter): Parameter {
  return { ...parameter, name: parameter.name.toLowerCase() };
}

interface Value {
  readonly isValid: ValidateFunction;
  readonly copy: Copy;
}

interface MediaCheck extends Value {
  readonly type: string;
}

/** Deeper than any body of the contracts. */
const MAX_DEPTH = 32;

/** Checked as it was sent and as it will be used: two items of a list that differ in unknown properties only are one twice. */
function checkBody({ isValid, copy }: MediaCheck, body: unknown): unknown {
  if (isDeeperThan(MAX_DEPTH, body)) {
    throw new ContractViolation(`request body has an error: it is nested more than ${MAX_DEPTH} levels deep`, 'body');
  }
  if (isValid(body)) {
    const known = copy(body);
    if (isValid(known)) return known;
  }
  const [fault] = isValid.errors ?? [];
  const reason = fault === undefined ? 'it is not valid' : describeFault(fault);
  throw new ContractViolation(`request body has an error: ${reason}`, 'body');
}

/** Level by level, so that no depth can exhaust the stack. */
function isDeeperThan(limit: number, body: unknown): boolean {
  let level: unknown[] = [body];
  for (let depth = 0; depth <= limit; depth += 1) {
    level = level.flatMap((value) => (typeof value === 'object' && value !== null ? Object.values(value) : []));
    if (level.length === 0) return false;
  }
  return true;
}

function readAll(place: string, readers: readonly ParameterReader[], raw: unknown): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  const given = typeof raw === 'object' && raw !== null ? (raw as Record<string, unknown>) : {}; // an object has keys
  for (const { name, sentAs, defaultValue, read } of readers) {
    const sent = sentAs.find((each) => Object.hasOwn(given, each) && given[each] !== undefined);
    const result = sent === undefined ? { value: undefined } : read(given[sent]);
    if ('fault' in result) throw violationAt(place, name, result.fault);
    const value = result.value ?? defaultValue;
    if (value !== undefined) values[name] = value;
  }
  return values;
}

function parameterViolation(place: string, { errors }: ValidateFunction): ContractViolation {
  const [fault] = errors ?? [];
  if (fault === undefined) return violationAt(place, '', 'is not valid');
  if (fault.instancePath === '') return violationAt(place, String(fault.params['missingProperty']), 'is required');
  const [, name = ''] = fault.instancePath.split('/');
  const reason = describeFault({ ...fault, instancePath: fault.instancePath.slice(name.length + 1) });
  return violationAt(place, name, reason);
}

function violationAt(place: string, name: string, reason: string): ContractViolation {
  return new ContractViolation(`parameter "${name}" in ${place} has an error: ${reason}`, `${place} ${name}`);
}

function mediaTypeOf(contentType: string | undefined): string | undefined {
  return contentType?.split(';', 1)[0]?.trim().toLowerCase();
}

function wrongMediaType(allowed: readonly string[]): ContractViolation {
  const reason = `its content type must be ${allowed.join(' or ')}`;
  return new ContractViolation(`request body has an error: ${reason}`, 'header content-type', 415);
}
