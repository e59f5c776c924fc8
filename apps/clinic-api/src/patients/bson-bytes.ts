/** Documents as MongoDB sends them (bsonspec.org), looked at without making objects of them. */

/** The types of values that patients and their sheets have. */
export const TYPE = {
  double: 1,
  text: 2,
  object: 3,
  array: 4,
  binary: 5,
  id: 7,
  boolean: 8,
  moment: 9,
  none: 10,
  int: 16,
  long: 18,
} as const;

const LENGTH = 4;
/** Of an ObjectId, in bytes. */
export const ID_SIZE = 12;
const SIZES: Readonly<Record<number, number>> = {
  [TYPE.double]: 8,
  [TYPE.id]: ID_SIZE,
  [TYPE.boolean]: 1,
  [TYPE.moment]: 8,
  [TYPE.none]: 0,
  [TYPE.int]: 4,
  [TYPE.long]: 8,
};

/** How many bytes a value takes that begins at `at`. */
export function sizeOf(type: number, bytes: Buffer, at: number): number {
  if (type === TYPE.text) return LENGTH + bytes.readInt32LE(at);
  if (type === TYPE.object || type === TYPE.array) return bytes.readInt32LE(at);
  if (type === TYPE.binary) return LENGTH + 1 + bytes.readInt32LE(at);
  const size = SIZES[type];
  if (size === undefined) throw new Error(`a document holds a value of the BSON type ${type}`);
  return size;
}

/** A field of a document: where its name is, and its value. */
export type VisitField = (type: number, nameAt: number, nameEnd: number, at: number) => void;

/** Visits the fields of the document or array that begins at `start`. */
export function visitFields(bytes: Buffer, start: number, visit: VisitField): void {
  const end = start + bytes.readInt32LE(start) - 1;
  for (let field = start + LENGTH; field < end;) {
    const type = bytes[field] ?? 0;
    let nameEnd = field + 1;
    while (bytes[nameEnd] !== 0) nameEnd++;
    visit(type, field + 1, nameEnd, nameEnd + 1);
    field = nameEnd + 1 + sizeOf(type, bytes, nameEnd + 1);
  }
}

/** Tells some names of fields from all others, without making a text of each. */
export class FieldNames {
  private readonly byForm = new Map<number, { readonly name: string; readonly bytes: Buffer }[]>();

  constructor(names: readonly string[]) {
    for (const name of names) {
      const bytes = Buffer.from(name);
      const form = formOf(bytes, 0, bytes.length);
      this.byForm.set(form, [...(this.byForm.get(form) ?? []), { name, bytes }]);
    }
  }

  at(bytes: Buffer, start: number, end: number): string | undefined {
    return this.byForm.get(formOf(bytes, start, end))?.find((known) => isAt(known.bytes, bytes, start))?.name;
  }
}

function isAt(name: Buffer, bytes: Buffer, start: number): boolean {
  for (let i = 0; i < name.length; i++) if (name[i] !== bytes[start + i]) return false;
  return true;
}

/** Few names have length and first letter in common. */
const formOf = (bytes: Buffer, start: number, end: number) => (end - start) * 256 + (bytes[start] ?? 0);
