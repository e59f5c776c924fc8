/**
 * Reads sheets as MongoDB sends them, without making objects of them: a question about a clinic looks at ten thousand entries and more,
 * and shows ten. Texts are read byte by byte (latin1), in which order and parts of texts are what they are for MongoDB, byte by byte too.
 */

/** An entry of a column: where in the bytes the patient's id in hex begins, and where the entry is. */
export type Visit = (bytes: Buffer, idAt: number, at: number, length: number) => void;

/** Visits the entries of a column of one sheet (bsonspec.org, of the types that sheets have). */
export function visitColumn(sheet: Buffer, column: string, visit: Visit): void {
  const end = sheet.readInt32LE(0) - 1;
  for (let at = LENGTH; at < end;) {
    const type = sheet[at] ?? 0;
    const nameEnd = sheet.indexOf(0, at + 1);
    if (type === OBJECT && sheet.toString('latin1', at + 1, nameEnd) === column)
      visitEntries(sheet, nameEnd + 1, visit);
    at = nameEnd + 1 + sizeOf(type, sheet, nameEnd + 1);
  }
}

function visitEntries(bytes: Buffer, start: number, visit: Visit): void {
  const end = start + bytes.readInt32LE(start) - 1;
  for (let field = start + LENGTH; field < end;) {
    const type = bytes[field] ?? 0;
    const idAt = field + 1;
    const at = idAt + ID_LENGTH + 1;
    if (bytes[at - 1] !== 0) throw new Error('a sheet holds an entry of what is no patient');
    const size = sizeOf(type, bytes, at);
    if (type === TEXT) visit(bytes, idAt, at + LENGTH, size - LENGTH - 1);
    else if (type === BINARY) visit(bytes, idAt, at + LENGTH + 1, size - LENGTH - 1);
    else visit(bytes, idAt, at, size);
    field = at + size;
  }
}

function sizeOf(type: number, bytes: Buffer, at: number): number {
  if (type === OBJECT) return bytes.readInt32LE(at);
  if (type === TEXT) return LENGTH + bytes.readInt32LE(at);
  if (type === BINARY) return LENGTH + 1 + bytes.readInt32LE(at);
  if (type === BOOLEAN) return 1;
  throw new Error(`a sheet holds a value of the BSON type ${type}`);
}

const [TEXT, OBJECT, BINARY, BOOLEAN] = [2, 3, 5, 8];
const LENGTH = 4;
const ID_LENGTH = 24;
