import type { Question } from './list-questions.ts';
import { PatientIndex } from './patient-index.ts';
import { type Column, EVERYBODY, type Sheets } from './sheet-columns.ts';
import { type Visit, visitColumn } from './sheet-entries.ts';

/** Patients on sheets, of whom some are left out by and by. Each has a place, a number by which they are told apart here. */
export class Matching {
  readonly patients = new PatientIndex();
  private isOut: Uint8Array | undefined;

  /** Of all who stand on the sheets, those of whom every question holds. */
  static of(sheets: Sheets, questions: readonly Question[]): Matching {
    const matching = new Matching();
    // Only those of whom the first holds need be kept at all.
    const begin = questions.find(({ ofNone }) => !ofNone);
    matching.begin(sheets, begin ?? EVERYBODY, begin?.holds ?? (() => true));
    for (const question of questions) if (question !== begin) matching.keep(sheets, question);
    return matching;
  }

  /** Those of whom it holds what stands in one column. */
  begin(sheets: Sheets, column: Column, holds: Question['holds']): void {
    visitAll(sheets, column, (bytes, idAt, at, length) => {
      if (holds(bytes, at, length)) this.patients.add(bytes, idAt);
    });
  }

  private keep(sheets: Sheets, question: Question): void {
    const { patients, isOut: wasOut } = this;
    const isOut = new Uint8Array(patients.size).fill(Number(!question.ofNone));
    this.visit(sheets, question, (place, bytes, at, length) => {
      isOut[place] = Number(!question.holds(bytes, at, length));
    });
    if (wasOut) for (let place = 0; place < isOut.length; place++) if (wasOut[place] === 1) isOut[place] = 1;
    this.isOut = isOut;
  }

  /** Visits the entries of those who match, and of some who do no longer. */
  visit(
    sheets: Sheets,
    column: Column,
    visit: (place: number, bytes: Buffer, at: number, length: number) => void,
  ): void {
    const { patients } = this;
    visitAll(sheets, column, (bytes, idAt, at, length) => {
      const place = patients.placeOf(bytes, idAt);
      if (place >= 0) visit(place, bytes, at, length);
    });
  }

  /** Where those stand who match. */
  places(): number[] {
    const places: number[] = [];
    for (let place = 0; place < this.patients.size; place++) if (this.isOut?.[place] !== 1) places.push(place);
    return places;
  }

  /** Of some ids in hex, those who match, in the same order. */
  among(ids: readonly string[]): string[] {
    return ids.filter((id) => {
      const place = this.patients.placeOf(Buffer.from(id, 'latin1'), 0);
      return place >= 0 && this.isOut?.[place] !== 1;
    });
  }
}

function visitAll(sheets: Sheets, column: Column, visit: Visit): void {
  for (const sheet of sheets(column)) visitColumn(sheet, column.column, visit);
}
