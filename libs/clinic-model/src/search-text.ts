/** Folds a text for comparing without regard to case, and to nothing else: names of sites, domains. */
export const fold = (text: string) => text.normalize('NFC').toLowerCase();

/** Between the searched fields; it is taken out of the fields themselves. */
export const SEARCH_SEPARATOR = '\n';

/** Characters that people use for one another, since keyboards and phones choose them. */
const SAME_CHARACTERS: readonly (readonly [RegExp, string])[] = [
  [/[\u2018\u2019\u201b\u02bc\u02b9\u2032\u00b4\u0060]/g, "'"], // apostrophes: ‘ ’ ‛ ʼ ʹ ′ ´ `
  [/[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]/g, '-'], // dashes: ‐ ‑ ‒ – — ― − ﹘ ﹣ －
  [/\u03c2/g, '\u03c3'], // a sigma at the end of a word: ς
];

/** Accents of these scripts are left out. Those of others are vowels, without which words are others. */
const ACCENTED = /([\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}])\p{M}+/gu;

/**
 * The form in which texts are compared by a search: without regard to case (full case folding, so that `Strauß` is `strauss`), to
 * accents of Latin, Greek and Cyrillic, to how characters are composed, to the kind of apostrophe or dash, and to blanks around and
 * between words. All other characters stay what they are. Folding a folded text changes nothing. Source: docs/decisions/clinic-data.md.
 */
export function searchForm(text: string): string {
  // Accents as spacing characters become blanks under NFKD, so the table goes first.
  const plain = withSameCharacters(text).normalize('NFKD');
  // By way of upper case, which writes out ß, and tells ı and i alike; lower case first, as ẞ is upper case already.
  const folded = plain.toLowerCase().toUpperCase().toLowerCase().normalize('NFKD').replace(ACCENTED, '$1');
  return withSameCharacters(folded.normalize('NFC')).replace(/\s+/gu, ' ').trim();
}

function withSameCharacters(text: string): string {
  return SAME_CHARACTERS.reduce((changed, [found, written]) => changed.replace(found, written), text);
}

/** What a search looks through: name, email, MRN and birth date, folded. */
export function searchTextOf(patient: { fullName: string; email?: string; mrn?: string; birthDate: string }): string {
  return [patient.fullName, patient.email, patient.mrn, patient.birthDate]
    .map((part) => (part === undefined ? '' : searchForm(part)))
    .filter((part) => part !== '')
    .join(SEARCH_SEPARATOR);
}

/** The fields that a patient document derives from what people see. Names are sorted as they are searched, so that Émile stands among E. */
export function searchFields(patient: { fullName: string; email?: string; mrn?: string; birthDate: string }) {
  return { sortName: searchForm(patient.fullName), searchText: searchTextOf(patient) };
}
