/** From the text of a URL to the values that a parameter's schema speaks of. */
import { resolveSchema, type OpenApiDocument, type Parameter } from './openapi.ts';

/** A fault of one value, in words; or the value. */
export type Read = { readonly value: unknown } | { readonly fault: string };

export interface ParameterReader {
  readonly name: string;
  /** As it may be sent: `tags`, and as many libraries name a list, `tags[]`. */
  readonly sentAs: readonly string[];
  readonly defaultValue: unknown;
  /** `raw` is what the HTTP server has parsed: a string, or several when the name occurs more than once. */
  read(raw: unknown): Read;
}

export function parameterReader(document: OpenApiDocument, parameter: Parameter): ParameterReader {
  const schema = resolveSchema(document, parameter.schema);
  const readText = TEXT_READERS[schema.type ?? 'string'] ?? readString;
  const isList = schema.type === 'array';
  return {
    name: parameter.name,
    sentAs: isList && parameter.in === 'query' ? [parameter.name, `${parameter.name}[]`] : [parameter.name],
    defaultValue: schema.default,
    read(raw) {
      const texts = Array.isArray(raw) ? raw : [raw];
      if (!texts.every((text) => typeof text === 'string')) return { fault: 'must be text' };
      if (texts.length !== 1 && !isList) return { fault: 'must be given once' };
      const text = texts.join(',');
      if (text.includes('\0')) return { fault: 'must not contain a NUL character' };
      // A query parameter without a value is one that is not there, as forms send it and as the public service takes it.
      return text === '' && parameter.in === 'query' ? { value: undefined } : readText(text);
    },
  };
}

const readString = (text: string): Read => ({ value: text });

const TEXT_READERS: Readonly<Record<string, (text: string) => Read>> = {
  string: readString,
  array: (text) => ({ value: text.split(',') }),
  integer: (text) => (/^[+-]?\d{1,15}$/.test(text) ? { value: Number(text) } : { fault: 'must be an integer' }),
  number: (text) =>
    /^[+-]?(\d{1,30}(\.\d{0,30})?|\.\d{1,30})$/.test(text) ? { value: Number(text) } : { fault: 'must be a number' },
  boolean: (text) =>
    text === 'true' || text === 'false' ? { value: text === 'true' } : { fault: 'must be true or false' },
};
