/**
 * The part of OpenAPI 3.0 that the contracts use, and how references in a bundle are followed.
 */

export type Method = 'get' | 'put' | 'post' | 'patch' | 'delete';

export const METHODS: readonly Method[] = ['get', 'put', 'post', 'patch', 'delete'];

export interface Reference {
  readonly $ref: string;
}

export interface Schema {
  readonly $ref?: string;
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  /** Only ever one reference, so that it can have neighbours such as `readOnly`. */
  readonly allOf?: readonly [Schema];
  readonly nullable?: boolean;
  readonly readOnly?: boolean;
  readonly writeOnly?: boolean;
  readonly default?: unknown;
  readonly example?: unknown;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly [keyword: string]: unknown;
}

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header' | 'cookie';
  readonly required?: boolean;
  readonly description?: string;
  readonly schema: Schema;
}

export interface MediaType {
  readonly schema?: Schema;
  readonly example?: unknown;
}

export interface RequestBody {
  readonly required?: boolean;
  readonly content: Readonly<Record<string, MediaType>>;
}

export interface Response {
  readonly description: string;
  readonly content?: Readonly<Record<string, MediaType>>;
}

export type SecurityRequirement = Readonly<Record<string, readonly string[]>>;

export interface OperationObject {
  readonly operationId: string;
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly description?: string;
  readonly security?: readonly SecurityRequirement[];
  readonly parameters?: readonly (Parameter | Reference)[];
  readonly requestBody?: RequestBody | Reference;
  readonly responses: Readonly<Record<string, Response | Reference>>;
}

export type PathItem = Readonly<Partial<Record<Method, OperationObject>>> & {
  readonly parameters?: readonly (Parameter | Reference)[];
};

/** A bundle: one document, all references inside it, all of them to `#/components/`. */
export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description?: string };
  readonly security?: readonly SecurityRequirement[];
  readonly paths: Readonly<Record<string, PathItem>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly [kind: string]: Readonly<Record<string, unknown>>;
  };
}

/** The thing itself, or what it refers to. Throws when a reference leads nowhere, which the bundler rules out. */
export function resolve<T extends object>(document: OpenApiDocument, thing: T | Reference): T {
  if (!('$ref' in thing) || typeof thing.$ref !== 'string') return thing as T; // no reference, so it is the thing
  const [kind, name] = thing.$ref.replace('#/components/', '').split('/');
  const found = document.components[kind ?? '']?.[name ?? ''];
  if (found === undefined) throw new Error(`nothing at ${thing.$ref} in the contract "${document.info.title}"`);
  return resolve(document, found as T | Reference); // the kind of component is given by the place of the reference
}

/** The schema with its reference followed, keeping the neighbours that an `allOf` of one reference allows. */
export function resolveSchema(document: OpenApiDocument, schema: Schema): Schema {
  if (schema.allOf === undefined)
    return schema.$ref === undefined ? schema : resolveSchema(document, resolve(document, schema));
  const { allOf, ...neighbours } = schema;
  return { ...resolveSchema(document, allOf[0]), ...neighbours };
}

/** The name of the component that a schema refers to, if it does. */
export function componentName(schema: Schema): string | undefined {
  const reference = schema.$ref ?? schema.allOf?.[0].$ref;
  return reference?.replace('#/components/schemas/', '');
}
