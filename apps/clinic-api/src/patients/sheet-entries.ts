import { sizeOf, TYPE } from './bson-bytes.ts';
import type { PatientIndex } from './patient-index.ts';

/**
 * The entries of a column on one sheet, without an object for each: a question about a clinic looks at ten thousand entries and more, and
 * shows ten. Texts are looked at byte by byte, in which order and parts of texts are what they are for MongoDB, byte by byte too.
 */
export class SheetEntries {
  private constructor(
    /** Whose they are. */
    private readonly places: Int32Array,
    /** Where each begins, and where the last one ends. */
    private readonly starts: Int32Array,
    private readonly bytes: Buffer,
  ) {}

  /** @param column as MongoDB sends it: a document of entries by patient */
  static from(column: Buffer, patients: PatientIndex): SheetEntries {
    let [count, size] = [0, 0];
    visitFields(column, (_id, at, end) => {
      count++;
      size += end - at;
    });
    const [places, starts, bytes] = [new Int32Array(count), new Int32Array(count + 1), Buffer.allocUnsafeSlow(size)];
    let [i, next] = [0, 0];
    visitFields(column, (idAt, at, end) => {
      places[i++] = patients.placeFor(column, idAt);
      next += column.copy(bytes, next, at, end);
      starts[i] = next;
    });
    return new SheetEntries(places, starts, bytes);
  }

  /** In bytes. */
  get size(): number {
    return this.bytes.length + this.places.byteLength + this.starts.byteLength;
  }

  visit(visit: Visit): void {
    const { places, starts, bytes } = this;
    let at = 0;
    for (let i = 0; i < places.length; i++) {
      const end = starts[i + 1] ?? at;
      visit(places[i] ?? 0, bytes, at, end - at);
      at = end;
    }
  }
}

/** A patient's entry: where it stands in the bytes, and how long it is. */
export type Visit = (place: number, bytes: Buffer, at: number, length: number) => void;

function visitFields(bytes: Buffer, visit: (idAt: number, at: number, end: number) => void): void {
  const last = bytes.readInt32LE(0) - 1;
  for (let field = LENGTH; field < last;) {
    const type = bytes[field] ?? 0;
    const idAt = field + 1;
    const at = idAt + ID_LENGTH + 1;
    if (bytes[at - 1] !== 0) throw new Error('a sheet holds an entry of what is no patient');
    const end = at + sizeOf(type, bytes, at);
    if (type === TYPE.text) visit(idAt, at + LENGTH, end - 1);
    else if (type === TYPE.binary) visit(idAt, at + LENGTH + 1, end);
    else visit(idAt, at, end);
    field = end;
  }
}

const LENGTH = 4;
const ID_LENGTH = 24;
