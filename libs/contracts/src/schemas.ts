/**
 * From the contract's schemas to plain JSON Schema for one direction of the exchange.
 *
 * A request may leave out what is read-only, and what it does send of that is ignored. Unknown properties of a request
 * are ignored; a response has none (the wire is compatible with the public service, so no key may be added).
 */
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { componentName, resolveSchema, type OpenApiDocument, type Schema } from './openapi.ts';
import { addFormats, OLDEST_YEARS } from './formats.ts';

export type Direction = 'request' | 'response';

/** Keywords that say something to a person, or that are dealt with here. */
const NOT_FOR_THE_VALIDATOR = new Set([
  ...['example', 'description', 'readOnly', 'writeOnly', 'default', 'properties', 'x-trimmed', 'x-request-format'],
]);

/** Validators for the schemas of one contract and one direction, compiled when first asked for. */
export class SchemaCompiler {
  private readonly ajv: Ajv;
  private readonly document: OpenApiDocument;
  private readonly direction: Direction;
  private readonly compiled = new WeakMap<Schema, ValidateFunction>();

  constructor(document: OpenApiDocument, direction: Direction) {
    this.document = document;
    this.direction = direction;
    this.ajv = new Ajv({
      allErrors: direction === 'response',
      strict: true,
      strictRequired: false,
      strictTypes: false,
      // Compiling takes a third less time, and checking no more: the schemas are small.
      code: { optimize: false },
    });
    addFormats(this.ajv);
    const definitions = Object.entries(document.components.schemas).map(([name, schema]) => [name, this.plain(schema)]);
    this.ajv.addSchema({ $id: 'contract', $defs: Object.fromEntries(definitions) });
  }

  compile(schema: Schema): ValidateFunction {
    let validate = this.compiled.get(schema);
    if (validate === undefined) {
      validate = this.ajv.compile(this.plain(schema));
      this.compiled.set(schema, validate);
    }
    return validate;
  }

  /** JSON Schema that says the same for this direction. */
  private plain(schema: Schema): object {
    const name = componentName(schema);
    const resolved = resolveSchema(this.document, schema);
    // Simple values are put in place rather than referred to: the validator then knows their type and is faster.
    const composed = resolved.type === 'object' || resolved.type === 'array';
    if (name !== undefined && composed) return { $ref: `contract#/$defs/${name}` };
    return this.written(resolved);
  }

  private written(schema: Schema): object {
    const result: Record<string, unknown> = {};
    for (const [keyword, value] of Object.entries(schema)) {
      if (!NOT_FOR_THE_VALIDATOR.has(keyword)) result[keyword] = value;
    }
    // What answers may hold of old and a request may not. It stands for the pattern, too: the refusal says it in words.
    const format = schema['x-request-format'];
    if (this.direction === 'request' && format !== undefined) {
      result['format'] = format;
      delete result['pattern'];
    }
    if (schema.items !== undefined) result['items'] = this.plain(schema.items);
    if (schema.type === 'object') Object.assign(result, this.writtenObject(schema));
    return result;
  }

  private writtenObject(schema: Schema): object {
    const properties = Object.entries(schema.properties ?? {});
    const carried = properties.filter(([, property]) => isCarried(this.document, property, this.direction));
    const names = new Set(carried.map(([name]) => name));
    return {
      properties: Object.fromEntries(carried.map(([name, property]) => [name, this.plain(property)])),
      required: (schema.required ?? []).filter((name) => names.has(name)),
      ...this.additional(schema, properties.length > 0),
    };
  }

  private additional(schema: Schema, isRecord: boolean): object {
    if (typeof schema.additionalProperties === 'object') {
      return { additionalProperties: this.plain(schema.additionalProperties) };
    }
    const open = this.direction === 'request' ? schema.additionalProperties !== false : !isRecord;
    return open ? {} : { additionalProperties: false };
  }
}

/** Whether a property belongs to a request (not read-only) or to a response (not write-only). */
export function isCarried(document: OpenApiDocument, property: Schema, direction: Direction): boolean {
  const { readOnly, writeOnly } = resolveSchema(document, property);
  return direction === 'request' ? readOnly !== true : writeOnly !== true;
}

/** What is wrong and where, without the value: that may be about a person. */
export function describeFault(error: ErrorObject): string {
  const place = placeOf(error.instancePath);
  if (error.keyword === 'required') return `${place}/${String(error.params['missingProperty'])} is required`;
  return `${place} ${reasonOf(error)}`.trimStart();
}

function placeOf(pointer: string): string {
  return pointer
    .split('/')
    .map((part) => (/^[\w.-]{0,64}$/.test(part) ? part : '*'))
    .join('/');
}

const FORMATS: Readonly<Record<string, string>> = {
  date: 'must be a date, YYYY-MM-DD',
  'birth-date': `must be a date, YYYY-MM-DD, not in the future and not more than ${OLDEST_YEARS} years ago`,
  'one-line': 'must have no line breaks and no control characters',
  'date-time': 'must be a date and time with time zone, for example 2026-11-24T12:02:27Z',
  email: 'must be an email address',
  hostname: 'must be the name of a domain',
};

/** Longer lists, such as the time zones, are left to the contract. */
const SHORT_LIST = 12;

function reasonOf(error: ErrorObject): string {
  const { keyword, params, message } = error;
  if (keyword === 'enum' && params['allowedValues'].length <= SHORT_LIST) {
    return `must be one of ${params['allowedValues'].filter((value: unknown) => value !== '').join(', ')}`;
  }
  if (keyword === 'enum') return 'must be one of the values that the contract lists';
  if (keyword === 'format') return FORMATS[String(params['format'])] ?? `must be a ${String(params['format'])}`;
  if (keyword === 'pattern') return `must match ${String(params['pattern'])}`;
  if (keyword === 'additionalProperties') return 'has a property that is not supported';
  return message ?? 'is not valid';
}
