/** Folds a text for comparing without regard to case. */
export const fold = (text: string) => text.normalize('NFC').toLowerCase();

/** Between the searched fields; it is taken out of the fields themselves. */
export const SEARCH_SEPARATOR = '\n';

/** What a search looks through: name, email, MRN and birth date, folded (behaviour, "Patients", List). */
export function searchTextOf(patient: { fullName: string; email?: string; mrn?: string; birthDate: string }): string {
  return [patient.fullName, patient.email, patient.mrn, patient.birthDate]
    .filter((part) => part !== undefined && part !== '')
    .map((part) => fold(part as string).replaceAll(SEARCH_SEPARATOR, ' ')) // the filter above leaves only texts
    .join(SEARCH_SEPARATOR);
}

/** A name as it is sorted: without regard to case and accents, so that Émile stands among the names with E. */
export const sortNameOf = (fullName: string) =>
  fold(fullName)
    .normalize('NFD')
    .replace(/\p{M}+/gu, '');

/** The fields that a patient document derives from what people see. */
export function searchFields(patient: { fullName: string; email?: string; mrn?: string; birthDate: string }) {
  return { sortName: sortNameOf(patient.fullName), searchText: searchTextOf(patient) };
}
