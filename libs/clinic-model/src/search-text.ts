/** Folds a text for comparing without regard to case. */
export const fold = (text: string) => text.normalize('NFC').toLowerCase();

const GRAM = 3;
const SEPARATOR = '\n'; // no client can search across two fields

/** What a search looks through: name, email, MRN and birth date, folded (behaviour, "Patients", List). */
export function searchTextOf(patient: { fullName: string; email?: string; mrn?: string; birthDate: string }): string {
  return [patient.fullName, patient.email, patient.mrn, patient.birthDate]
    .filter((part) => part !== undefined && part !== '')
    .map((part) => fold(part as string)) // the filter above leaves only texts
    .join(SEPARATOR);
}

/** The distinct trigrams of a text, within its fields. */
export function gramsOf(text: string): string[] {
  const grams = new Set<string>();
  for (const field of text.split(SEPARATOR)) {
    const letters = [...field];
    for (let i = 0; i + GRAM <= letters.length; i++) grams.add(letters.slice(i, i + GRAM).join(''));
  }
  return [...grams];
}

/** The fields that a patient document derives from what people see. */
export function searchFields(patient: { fullName: string; email?: string; mrn?: string; birthDate: string }) {
  const searchText = searchTextOf(patient);
  return { sortName: fold(patient.fullName), searchText, searchGrams: gramsOf(searchText) };
}
