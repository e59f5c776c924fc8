/** The example of a body: its own, that of its schema, or one made of the examples of its parts. */
import { resolveSchema, type MediaType, type OpenApiDocument, type Schema } from './openapi.ts';

/** Undefined when the contract shows none. */
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
