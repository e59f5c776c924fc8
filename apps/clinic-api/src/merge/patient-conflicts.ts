import { type PatientDocument, searchForm } from '@caregate/clinic-model';

export type ConflictKind = 'DUPLICATE_ACCOUNT' | 'LIKELY_DUPLICATE' | 'MRN_ONLY' | 'NAME_ONLY';

/** A patient of the other clinic who may be the same person. */
export interface Conflict {
  readonly kind: ConflictKind;
  readonly patientId: string;
}

export type Comparable = Pick<PatientDocument, 'userId' | 'fullName' | 'birthDate' | 'mrn'>;

/** A patient with what is compared of them; made once for each, since it is compared with many. */
interface Keyed {
  readonly userId: string;
  readonly name: string;
  readonly birthDate: string;
  readonly mrn: string;
}

const keyed = ({ userId, fullName, birthDate, mrn = '' }: Comparable): Keyed => ({
  userId,
  ...{ name: searchForm(fullName), birthDate: searchForm(birthDate), mrn: searchForm(mrn) },
});

/**
 * Finds, for a patient of one clinic, those of the other who may be the same person (behaviour, "Merging clinics"): the same user;
 * two of name, birth date and MRN agree; only the MRN; only the name. A birth date alone says nothing.
 */
export function conflictsBetween(others: readonly Comparable[]): (patient: Comparable) => Conflict[] {
  const all = others.map(keyed);
  const byUser = indexOf(all, ({ userId }) => userId);
  const byName = indexOf(all, ({ name }) => name);
  const byMrn = indexOf(all, ({ mrn }) => mrn);
  return (patient) => {
    const one = keyed(patient);
    // Whoever agrees in two agrees in the name or the MRN, so those who share only a birth date, who are many, are never looked at.
    const candidates = new Set([byUser(one.userId), byName(one.name), byMrn(one.mrn)].flat());
    return [...candidates].flatMap((other) => {
      const kind = kindOf(one, other);
      return kind ? [{ kind, patientId: other.userId }] : [];
    });
  };
}

/** A name or MRN that more patients than this share tells nobody apart; the first of them are enough to say so. */
const MOST_ALIKE = 100;

function indexOf(patients: readonly Keyed[], keyOf: (patient: Keyed) => string): (key: string) => Keyed[] {
  const index = new Map<string, Keyed[]>();
  for (const patient of patients) {
    const alike = index.get(keyOf(patient));
    if (!alike) index.set(keyOf(patient), [patient]);
    else if (alike.length < MOST_ALIKE) alike.push(patient);
  }
  return (key) => (key === '' ? [] : (index.get(key) ?? []));
}

function kindOf(one: Keyed, other: Keyed): ConflictKind | undefined {
  if (one.userId === other.userId) return 'DUPLICATE_ACCOUNT';
  const agree = (field: 'name' | 'birthDate' | 'mrn') => one[field] !== '' && one[field] === other[field];
  const [name, birthDate, mrn] = [agree('name'), agree('birthDate'), agree('mrn')];
  if ([name, birthDate, mrn].filter(Boolean).length > 1) return 'LIKELY_DUPLICATE';
  if (mrn) return 'MRN_ONLY';
  return name ? 'NAME_ONLY' : undefined;
}
