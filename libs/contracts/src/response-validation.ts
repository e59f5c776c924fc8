import { operation } from './operations.ts';
import type { OpenApiDocument, Response, Schema } from './openapi.ts';
import { describeFault, SchemaCompiler } from './schemas.ts';

export interface RawResponse {
  readonly status: number;
  /** The `content-type` header. */
  readonly contentType?: string | undefined;
  /** The body as text, or what it was parsed to; undefined or an empty text when there is none. */
  readonly body?: unknown;
}

export interface ResponseValidator {
  /** What about a response does not follow the contract; nothing when it does. Keys the contract does not know count. */
  problems(operationId: string, response: RawResponse): string[];
}

const validators = new WeakMap<OpenApiDocument, ResponseValidator>();

/** For tests: checks that answers are what the contract promises. */
export function responseValidator(document: OpenApiDocument): ResponseValidator {
  let validator = validators.get(document);
  if (validator === undefined) {
    validator = new ContractResponseValidator(document);
    validators.set(document, validator);
  }
  return validator;
}

class ContractResponseValidator implements ResponseValidator {
  private readonly document: OpenApiDocument;
  private readonly compiler: SchemaCompiler;

  constructor(document: OpenApiDocument) {
    this.document = document;
    this.compiler = new SchemaCompiler(document, 'response');
  }

  problems(operationId: string, response: RawResponse): string[] {
    const { responses } = operation(this.document, operationId);
    const declared = responses[response.status] ?? responses[`${Math.floor(response.status / 100)}XX`];
    if (declared === undefined) return [`status ${response.status} is not in the contract`];
    return this.bodyProblems(declared, response);
  }

  private bodyProblems({ content }: Response, { contentType, body }: RawResponse): string[] {
    const isEmpty = body === undefined || body === '';
    if (content === undefined) return isEmpty ? [] : ['there is a body where the contract has none'];
    if (isEmpty) return ['there is no body'];
    const type = contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
    const media = content[type];
    if (media === undefined) return [`the media type "${type}" is not in the contract`];
    return type === 'application/json' ? this.jsonProblems(media.schema ?? {}, body) : [];
  }

  private jsonProblems(schema: Schema, body: unknown): string[] {
    let value = body;
    if (typeof body === 'string') {
      try {
        value = JSON.parse(body);
      } catch {
        return ['the body is not JSON'];
      }
    }
    const isValid = this.compiler.compile(schema);
    return isValid(value) ? [] : (isValid.errors ?? []).map(describeFault);
  }
}
