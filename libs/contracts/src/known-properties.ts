/**
 * A copy of a request body that holds what the contract knows and nothing else: no unknown property reaches the code
 * behind (`__proto__` and `constructor` neither), read-only ones are left out, defaults are filled in, and what the contract calls
 * trimmed has no blanks around it.
 */
import { componentName, resolveSchema, type OpenApiDocument, type Schema } from './openapi.ts';
import { isCarried } from './schemas.ts';

/** Copies a value that has passed validation. */
export type Copy = (value: unknown) => unknown;

const asItIs: Copy = (value) => value;

// What looks like nothing: blanks, what Unicode says is not shown by itself (zero-width signs, fillers, marks of direction), braille blank.
const BLANK = String.raw`[\s\p{Default_Ignorable_Code_Point}\u2800]`;
const ONLY_BLANKS = new RegExp(`^${BLANK}*$`, 'u');
// A variation selector at the end belongs to the sign before it.
const AT_AN_END = String.raw`(?:(?![\ufe00-\ufe0f])${BLANK})+`;
const BLANKS_AROUND = new RegExp(`^${AT_AN_END}|${AT_AN_END}$`, 'gu');

const trimmed: Copy = (value) => {
  if (typeof value !== 'string') return value;
  return ONLY_BLANKS.test(value) ? '' : value.replace(BLANKS_AROUND, '');
};

export class KnownProperties {
  private readonly document: OpenApiDocument;
  private readonly byComponent = new Map<string, Copy>();

  constructor(document: OpenApiDocument) {
    this.document = document;
  }

  copier(schema: Schema): Copy {
    const name = componentName(schema);
    if (name === undefined) return this.write(schema);
    const known = this.byComponent.get(name);
    if (known !== undefined) return known;
    // Schemas may refer to themselves, so the entry comes before the copy is known.
    let copy: Copy = asItIs;
    this.byComponent.set(name, (value) => copy(value));
    copy = this.write(resolveSchema(this.document, schema));
    this.byComponent.set(name, copy);
    return copy;
  }

  private write(schema: Schema): Copy {
    if (schema.type === 'array' && schema.items !== undefined) return arrayCopy(this.copier(schema.items));
    if (schema['x-trimmed'] === true) return trimmed;
    if (schema.type !== 'object') return asItIs;
    if (typeof schema.additionalProperties === 'object') return mapCopy(this.copier(schema.additionalProperties));
    return this.recordCopy(schema);
  }

  private recordCopy(schema: Schema): Copy {
    const fields = Object.entries(schema.properties ?? {})
      .filter(([, property]) => isCarried(this.document, property, 'request'))
      .map(([name, property]) => {
        return { name, copy: this.copier(property), fallback: resolveSchema(this.document, property).default };
      });
    return (value) => {
      if (!isObject(value)) return value;
      const result: Record<string, unknown> = {};
      for (const { name, copy, fallback } of fields) {
        if (Object.hasOwn(value, name)) result[name] = copy(value[name]);
        else if (fallback !== undefined) result[name] = fallback;
      }
      return result;
    };
  }
}

function arrayCopy(copy: Copy): Copy {
  return (value) => (Array.isArray(value) ? value.map(copy) : value);
}

/** Names that callers choose end up as field names in a database; others, such as `$where` or `a.b`, are ignored. */
const PLAIN_NAME = /^[A-Za-z0-9-][A-Za-z0-9_-]{0,63}$/;

// `constructor` is a plain name, hence no assignment to an object that has one.
function mapCopy(copy: Copy): Copy {
  return (value) => {
    if (!isObject(value)) return value;
    const plain = Object.entries(value).filter(([name]) => PLAIN_NAME.test(name));
    return Object.fromEntries(plain.map(([name, item]) => [name, copy(item)]));
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
