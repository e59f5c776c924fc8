import quickselect from 'quickselect';
import type { Question, SortKey } from './list-questions.ts';
import { PatientIndex } from './patient-index.ts';
import { visitColumn } from './sheet-entries.ts';

/** The patients of a page, by their ids in hex, and how many match. */
export interface ListAnswer {
  readonly ids: readonly string[];
  readonly count: number;
}

/** The sheets of a part as bytes; each has the columns that questions or the order need. */
export type Sheets = (part: string) => readonly Buffer[];

/** A column in which each patient has an entry. */
type Everybody = Pick<SortKey, 'part' | 'column'>;

interface Page {
  readonly limit: number;
  readonly offset: number;
}

/** Of all who stand on the sheets, those of whom every question holds: how many, and a page of them in order. */
export function answerFrom(
  sheets: Sheets,
  everybody: Everybody,
  questions: readonly Question[],
  sortKey: SortKey,
  page: Page,
): ListAnswer {
  // Only those of whom the first holds need be kept at all.
  const [first, ...others] = [...questions].sort((a, b) => Number(a.ofNone) - Number(b.ofNone));
  const begin = first?.ofNone === false ? first : { ...everybody, holds: () => true };
  const matching = new Matching();
  for (const sheet of sheets(begin.part)) {
    visitColumn(sheet, begin.column, (bytes, idAt, at, length) => {
      if (begin.holds(bytes, at, length)) matching.add(bytes, idAt);
    });
  }
  for (const question of first?.ofNone === true ? questions : others) matching.keep(sheets(question.part), question);
  matching.readKeys(sheets(sortKey.part), sortKey);
  return { ids: matching.page(sortKey, page), count: matching.count };
}

/**
 * A page of all patients by a figure that those without come last in, as far as it is filled by those who have the figure: then nothing
 * need be known of the others. Undefined when it is not.
 */
export function pageOfThoseWith(sheets: Sheets, sortKey: SortKey, page: Page): readonly string[] | undefined {
  const matching = new Matching();
  for (const sheet of sheets(sortKey.part)) {
    visitColumn(sheet, sortKey.column, (bytes, idAt, at, length) => {
      const key = sortKey.keyOf(bytes, at, length);
      if (key !== undefined) matching.add(bytes, idAt, key);
    });
  }
  return matching.count < page.offset + page.limit ? undefined : matching.page(sortKey, page);
}

type Key = string | number | undefined;

/** Those who matched the first question, and who of them is still in. */
class Matching {
  private readonly patients = new PatientIndex();
  private keys: Key[] = [];
  private isOut: Uint8Array | undefined;

  get count(): number {
    return this.places().length;
  }

  add(bytes: Buffer, idAt: number, key?: Key): void {
    this.patients.add(bytes, idAt);
    this.keys.push(key);
  }

  keep(sheets: readonly Buffer[], { column, holds, ofNone }: Question): void {
    const { patients, isOut: wasOut } = this;
    const isOut = new Uint8Array(patients.size).fill(Number(!ofNone));
    for (const sheet of sheets) {
      visitColumn(sheet, column, (bytes, idAt, at, length) => {
        const place = patients.placeOf(bytes, idAt);
        if (place >= 0) isOut[place] = Number(!holds(bytes, at, length));
      });
    }
    if (wasOut) for (let place = 0; place < isOut.length; place++) if (wasOut[place] === 1) isOut[place] = 1;
    this.isOut = isOut;
  }

  readKeys(sheets: readonly Buffer[], { column, keyOf }: SortKey): void {
    const { patients, isOut } = this;
    const keys = new Array<Key>(patients.size).fill(undefined);
    for (const sheet of sheets) {
      visitColumn(sheet, column, (bytes, idAt, at, length) => {
        const place = patients.placeOf(bytes, idAt);
        if (place >= 0 && isOut?.[place] !== 1) keys[place] = keyOf(bytes, at, length);
      });
    }
    this.keys = keys;
  }

  page(sortKey: SortKey, { limit, offset }: Page): string[] {
    const order = this.places();
    const [start, end] = [Math.min(offset, order.length), Math.min(offset + limit, order.length)];
    if (start === end) return [];
    const compare = (a: number, b: number) => this.compare(sortKey, a, b);
    // Those before the page and those after it need not be sorted among themselves.
    if (start > 0) quickselect(order, start, 0, order.length - 1, compare);
    if (end < order.length) quickselect(order, end - 1, start, order.length - 1, compare);
    return order
      .slice(start, end)
      .sort(compare)
      .map((place) => this.patients.idAt(place));
  }

  private places(): number[] {
    const places: number[] = [];
    for (let place = 0; place < this.patients.size; place++) if (this.isOut?.[place] !== 1) places.push(place);
    return places;
  }

  private compare({ direction, youngestFirst, noneLast }: SortKey, a: number, b: number): number {
    const [keyA, keyB] = [this.keys[a], this.keys[b]];
    if (keyA === keyB)
      return this.patients.compare(a, b) * (youngestFirst && !(noneLast && keyA === undefined) ? -1 : 1); // ids tell who is older
    if (keyA === undefined) return noneLast ? 1 : -direction;
    if (keyB === undefined) return noneLast ? -1 : direction;
    return keyA < keyB ? -direction : direction;
  }
}
