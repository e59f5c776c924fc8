import { sizeOf, TYPE, visitFields } from './bson-bytes.ts';

/**
 * Reads sheets without making objects of them: a question about a clinic looks at ten thousand entries and more, and shows ten. Texts are
 * looked at byte by byte, in which order and parts of texts are what they are for MongoDB, byte by byte too.
 */

/** An entry of a column: where in the bytes the patient's id in hex begins, and where the entry is. */
export type Visit = (bytes: Buffer, idAt: number, at: number, length: number) => void;

/** Visits the entries of a column of one sheet. */
export function visitColumn(sheet: Buffer, column: string, visit: Visit): void {
  visitFields(sheet, 0, (type, nameAt, nameEnd, at) => {
    if (type === TYPE.object && sheet.toString('latin1', nameAt, nameEnd) === column) visitEntries(sheet, at, visit);
  });
}

function visitEntries(bytes: Buffer, start: number, visit: Visit): void {
  const end = start + bytes.readInt32LE(start) - 1;
  for (let field = start + LENGTH; field < end;) {
    const type = bytes[field] ?? 0;
    const idAt = field + 1;
    const at = idAt + ID_LENGTH + 1;
    if (bytes[at - 1] !== 0) throw new Error('a sheet holds an entry of what is no patient');
    const size = sizeOf(type, bytes, at);
    if (type === TYPE.text) visit(bytes, idAt, at + LENGTH, size - LENGTH - 1);
    else if (type === TYPE.binary) visit(bytes, idAt, at + LENGTH + 1, size - LENGTH - 1);
    else visit(bytes, idAt, at, size);
    field = at + size;
  }
}

const LENGTH = 4;
const ID_LENGTH = 24;
