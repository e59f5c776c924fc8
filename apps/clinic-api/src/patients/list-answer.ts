import quickselect from 'quickselect';
import type { Question, SortKey } from './list-questions.ts';
import { patientAt, visitColumn } from './sheet-entries.ts';

/** The patients of a page, by their ids in hex, and how many match. */
export interface ListAnswer {
  readonly ids: readonly string[];
  readonly count: number;
}

/** The sheets of a part as bytes; each has the columns that questions or the order need. */
export type Sheets = (part: string) => readonly Buffer[];

/** Of all who stand on the sheets, those of whom every question holds: how many, and a page of them in order. */
export function answerFrom(
  sheets: Sheets,
  everybody: { readonly part: string; readonly column: string },
  questions: readonly Question[],
  sortKey: SortKey,
  { limit, offset }: { readonly limit: number; readonly offset: number },
): ListAnswer {
  // Only those of whom the first holds need be kept at all.
  const [first, ...others] = [...questions].sort((a, b) => Number(a.ofNone) - Number(b.ofNone));
  const begin = first?.ofNone === false ? first : { ...everybody, holds: () => true };
  const matching = new Matching();
  for (const sheet of sheets(begin.part)) {
    visitColumn(sheet, begin.column, (bytes, idAt, at, length) => {
      if (begin.holds(bytes, at, length)) matching.add(patientAt(bytes, idAt));
    });
  }
  for (const question of first?.ofNone === true ? questions : others) matching.keep(sheets(question.part), question);
  matching.readKeys(sheets(sortKey.part), sortKey);
  return { ids: matching.page(sortKey, limit, offset), count: matching.count };
}

/** Those who match so far. */
class Matching {
  private patients: string[] = [];
  private indexes = new Map<string, number>();
  private keys: (string | number | undefined)[] = [];

  get count(): number {
    return this.patients.length;
  }

  add(patient: string): void {
    this.indexes.set(patient, this.patients.length);
    this.patients.push(patient);
  }

  keep(sheets: readonly Buffer[], { column, holds, ofNone }: Question): void {
    const { patients, indexes } = this;
    const isKept = new Uint8Array(patients.length).fill(Number(ofNone));
    for (const sheet of sheets) {
      visitColumn(sheet, column, (bytes, idAt, at, length) => {
        const index = indexes.get(patientAt(bytes, idAt));
        if (index !== undefined) isKept[index] = Number(holds(bytes, at, length));
      });
    }
    this.patients = [];
    this.indexes = new Map();
    patients.forEach((patient, i) => isKept[i] === 1 && this.add(patient));
  }

  readKeys(sheets: readonly Buffer[], { column, keyOf }: SortKey): void {
    this.keys = new Array<string | number | undefined>(this.count).fill(undefined);
    for (const sheet of sheets) {
      visitColumn(sheet, column, (bytes, idAt, at, length) => {
        const index = this.indexes.get(patientAt(bytes, idAt));
        if (index !== undefined) this.keys[index] = keyOf(bytes, at, length);
      });
    }
  }

  page(sortKey: SortKey, limit: number, offset: number): string[] {
    const [start, end] = [Math.min(offset, this.count), Math.min(offset + limit, this.count)];
    if (start === end) return [];
    const order = Array.from(this.patients.keys());
    const compare = (a: number, b: number) => this.compare(sortKey, a, b);
    // Those before the page and those after it need not be sorted among themselves.
    if (start > 0) quickselect(order, start, 0, order.length - 1, compare);
    if (end < order.length) quickselect(order, end - 1, start, order.length - 1, compare);
    return order
      .slice(start, end)
      .sort(compare)
      .flatMap((index) => this.patients[index] ?? []);
  }

  private compare({ direction, youngestFirst, noneLast }: SortKey, a: number, b: number): number {
    const [keyA, keyB] = [this.keys[a], this.keys[b]];
    if (keyA === keyB) return this.byAge(a, b) * (youngestFirst && !(noneLast && keyA === undefined) ? -1 : 1);
    if (keyA === undefined) return noneLast ? 1 : -direction;
    if (keyB === undefined) return noneLast ? -1 : direction;
    return keyA < keyB ? -direction : direction;
  }

  /** Their ids say it. */
  private byAge(a: number, b: number): number {
    const [idA = '', idB = ''] = [this.patients[a], this.patients[b]];
    return idA < idB ? -1 : Number(idA > idB);
  }
}
