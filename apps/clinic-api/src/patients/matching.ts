import type { Question } from './list-questions.ts';
import type { PatientIndex } from './patient-index.ts';
import { type Column, EVERYBODY, type Sheets } from './sheet-columns.ts';
import type { Visit } from './sheet-entries.ts';

/** Patients on sheets, of whom some are left out by and by. */
export class Matching {
  readonly patients: PatientIndex;
  /** By place. */
  private isIn: Uint8Array;

  private constructor(private readonly sheets: Sheets) {
    this.patients = sheets.patients;
    this.isIn = new Uint8Array(this.patients.size);
  }

  /** Those who stand on the sheets and of whom every question holds. */
  static of(sheets: Sheets, questions: readonly Question[]): Matching {
    const begin = questions.find(({ ofNone }) => !ofNone);
    const matching = begin ? Matching.with(sheets, begin, begin.holds) : Matching.with(sheets, EVERYBODY, () => true);
    for (const question of questions) if (question !== begin) matching.keep(question);
    return matching;
  }

  /** Those of whom it holds what stands in one column. */
  static with(sheets: Sheets, column: Column, holds: Question['holds']): Matching {
    const matching = new Matching(sheets);
    const { isIn } = matching;
    visitAll(sheets, column, (place, bytes, at, length) => {
      if (holds(bytes, at, length)) isIn[place] = 1;
    });
    return matching;
  }

  private keep(question: Question): void {
    const wasIn = this.isIn;
    const isIn = question.ofNone ? wasIn.slice() : new Uint8Array(wasIn.length);
    visitAll(this.sheets, question, (place, bytes, at, length) => {
      if (wasIn[place] === 1) isIn[place] = Number(question.holds(bytes, at, length));
    });
    this.isIn = isIn;
  }

  /** Visits the entries of those who match. */
  visit(column: Column, visit: Visit, sheets = this.sheets): void {
    const { isIn } = this;
    visitAll(sheets, column, (place, bytes, at, length) => {
      if (isIn[place] === 1) visit(place, bytes, at, length);
    });
  }

  /** Where those stand who match. */
  places(): number[] {
    const places: number[] = [];
    for (let place = this.isIn.indexOf(1); place >= 0; place = this.isIn.indexOf(1, place + 1)) places.push(place);
    return places;
  }
}

function visitAll(sheets: Sheets, column: Column, visit: Visit): void {
  for (const entries of sheets.entriesIn(column)) entries.visit(visit);
}
