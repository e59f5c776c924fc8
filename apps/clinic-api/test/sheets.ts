import { entriesOf, type SheetPatient } from '@caregate/clinic-model';
import { mongo } from 'mongoose';
import { PatientIndex } from '../src/patients/patient-index.ts';
import { type Column, EVERYBODY, type Sheets } from '../src/patients/sheet-columns.ts';
import { SheetEntries } from '../src/patients/sheet-entries.ts';

/** Sheets as the database has them, with these patients on each. */
export function sheetsWith(...bySheet: readonly (readonly SheetPatient[])[]): Sheets {
  const patients = new PatientIndex();
  const entriesIn = ({ part, column }: Column) =>
    bySheet.map((onSheet) => {
      const entries = onSheet.flatMap((patient) => {
        const entry = entriesOf(patient)[part]?.[column];
        return entry === undefined ? [] : [[patient._id.toHexString(), entry]];
      });
      return SheetEntries.from(Buffer.from(mongo.BSON.serialize(Object.fromEntries(entries))), patients);
    });
  // Everybody has a place before anybody is asked about.
  entriesIn(EVERYBODY);
  return { patients, entriesIn };
}
