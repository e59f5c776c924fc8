/** Which part of an entry is the text that a list is sorted by. */
export interface TextKey {
  readonly from: (bytes: Buffer, at: number, length: number) => number;
  /** Of the text; to the end of the entry when there is none. */
  readonly length?: number;
}

/** Texts of patients where they stand in the sheets, to tell apart those that begin alike. */
export class Texts {
  private readonly bytes: Buffer[];
  private readonly starts: Int32Array;
  private readonly ends: Int32Array;

  constructor(
    size: number,
    private readonly key: TextKey,
  ) {
    this.bytes = new Array<Buffer>(size);
    this.starts = new Int32Array(size);
    this.ends = new Int32Array(size);
  }

  set(place: number, bytes: Buffer, at: number, length: number): void {
    const start = this.key.from(bytes, at, length);
    this.bytes[place] = bytes;
    this.starts[place] = start;
    this.ends[place] = this.key.length === undefined ? at + length : start + this.key.length;
  }

  /** Byte by byte, as MongoDB compares. */
  compare(a: number, b: number): number {
    const [bytesA, bytesB] = [this.bytes[a], this.bytes[b]];
    let [atA, atB] = [this.starts[a] ?? 0, this.starts[b] ?? 0];
    const [endA, endB] = [this.ends[a] ?? 0, this.ends[b] ?? 0];
    for (; atA < endA && atB < endB; atA++, atB++) {
      const difference = (bytesA?.[atA] ?? 0) - (bytesB?.[atB] ?? 0);
      if (difference !== 0) return difference;
    }
    return Number(atA < endA) - Number(atB < endB);
  }
}

const PREFIX = 6;

/** The first bytes of a text as a number: of two texts the one whose number is less comes first. */
export function prefixOf(bytes: Buffer, start: number, end: number): number {
  let prefix = 0;
  for (let at = start; at < start + PREFIX; at++) prefix = prefix * 256 + (at < end ? (bytes[at] ?? 0) : 0);
  return prefix;
}
