/**
 * Reads sheets as MongoDB sends them, without making objects of them: a question about a clinic looks at ten thousand entries and more,
 * and shows ten. Texts are read byte by byte (latin1), in which order and parts of texts are what they are for MongoDB, byte by byte too.
 */

/** An entry of a column: the patient's id in hex, and where in the bytes the entry is. */
export type Visit = (patient: string, bytes: Buffer, at: number, length: number) => void;

/** Visits the entries of a column of one sheet. */
export function visitColumn(sheet: Buffer, column: string, visit: Visit): void {
  visitFields(sheet, 0, (type, bytes, nameAt, nameEnd, at) => {
    if (type === OBJECT && bytes.toString('latin1', nameAt, nameEnd) === column) visitEntries(bytes, at, visit);
  });
}

function visitEntries(column: Buffer, start: number, visit: Visit): void {
  visitFields(column, start, (type, bytes, nameAt, nameEnd, at) => {
    const patient = bytes.toString('latin1', nameAt, nameEnd);
    if (type === TEXT) visit(patient, bytes, at + LENGTH, bytes.readInt32LE(at) - 1);
    else if (type === BINARY) visit(patient, bytes, at + LENGTH + 1, bytes.readInt32LE(at));
    else visit(patient, bytes, at, 1);
  });
}

type VisitField = (type: number, bytes: Buffer, nameAt: number, nameEnd: number, at: number) => void;

/** The fields of a BSON document (bsonspec.org) of the types that sheets have. */
function visitFields(bytes: Buffer, start: number, visit: VisitField): void {
  const end = start + bytes.readInt32LE(start) - 1;
  for (let at = start + LENGTH; at < end;) {
    const type = bytes[at] ?? 0;
    const nameAt = at + 1;
    const nameEnd = bytes.indexOf(0, nameAt);
    at = nameEnd + 1;
    visit(type, bytes, nameAt, nameEnd, at);
    at += sizeOf(type, bytes, at);
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
