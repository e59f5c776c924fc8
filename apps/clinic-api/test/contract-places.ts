import { type OpenApiDocument, type Operation, resolveSchema, type Schema } from '@caregate/contracts';

/** A place in a body of the contract, and the example with something else there. */
export interface Place {
  /** Such as `/tags/0`. */
  readonly path: string;
  readonly schema: Schema;
  /** What the example has there. */
  readonly good: unknown;
  put(value: unknown): unknown;
}

const DEEPEST = 5;

/** Every place of a body that a client may fill, the outermost first. */
export function placesIn(document: OpenApiDocument, { requestBody }: Operation, good: unknown): Place[] {
  const [media] = Object.values(requestBody?.content ?? {});
  return media?.schema ? placesAt(document, media.schema, '', good, (value) => value) : [];
}

function placesAt(
  document: OpenApiDocument,
  given: Schema,
  path: string,
  good: unknown,
  put: (value: unknown) => unknown,
): Place[] {
  const schema = resolveSchema(document, given);
  if (schema.readOnly === true || path.split('/').length > DEEPEST + 1) return [];
  const here: Place = { path, schema, good, put };
  if (schema.type === 'array' && schema.items) {
    const [first] = Array.isArray(good) ? good : [];
    return [here, ...placesAt(document, schema.items, `${path}/0`, first, (value) => put([value]))];
  }
  const record = isRecord(good) ? good : {};
  const below = Object.entries(schema.properties ?? {}).flatMap(([name, property]) =>
    placesAt(document, property, `${path}/${name}`, record[name], (value) => put({ ...record, [name]: value })),
  );
  const { additionalProperties: any } = schema;
  const [example] = Object.entries(record);
  const inMap =
    typeof any === 'object' && example
      ? placesAt(document, any, `${path}/${example[0]}`, example[1], (value) => put({ ...record, [example[0]]: value }))
      : [];
  return [here, ...below, ...inMap];
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
