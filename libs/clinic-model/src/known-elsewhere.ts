import { contracts, requestValidator } from '@caregate/contracts';
import type { Profile, User, UserId } from '@caregate/identity';
import { normalEmail } from './clinicians.ts';
import type { PatientDocument } from './documents.ts';

/** What the clinic contract takes of what another service knows of a person. A blank is as good as nothing. */
export interface KnownElsewhere {
  readonly fullName?: string;
  /** YYYY-MM-DD */
  readonly birthDate?: string;
  /** In lower case. */
  readonly email?: string;
  readonly mrn?: string;
  readonly targetDevices?: readonly string[];
  /** What was told in a form that the contract refuses. It is in none of the fields above. */
  readonly leftOut: readonly KnownField[];
}

export type KnownField = 'fullName' | 'birthDate' | 'email' | 'mrn' | 'targetDevices';

/** As many as the contract takes (`Patient.targetDevices`). */
const MOST_DEVICES = 100;

/**
 * Reads the user and the profile of a person, in which anything may stand: they are of another service. Each value passes the check of
 * a request, so that what is stored can be saved again by whoever reads it. The patient's part of a profile goes before that of whoever
 * keeps the account.
 */
export function knownElsewhere({ email }: Pick<User, 'email'>, profile: Profile = {}): KnownElsewhere {
  const patient = isRecord(profile.patient) ? profile.patient : {};
  const leftOut: KnownField[] = [];
  const known = (field: KnownField, schema: string, ...told: unknown[]) => {
    const value = firstThatFits(schema, told);
    if (value === undefined && told.some((each) => !isNothing(each))) leftOut.push(field);
    return value === undefined ? {} : { [field]: field === 'email' ? normalEmail(value) : value };
  };
  const devices = devicesOf(patient.targetDevices);
  if (!devices.all) leftOut.push('targetDevices');
  return {
    // Not the keeper's name for a patient whose own is refused: that is another person.
    ...known(
      'fullName',
      'PersonName',
      inOneLine(isNothing(patient['fullName']) ? profile.fullName : patient['fullName']),
    ),
    ...known('birthDate', 'BirthDate', patient.birthday),
    ...known('email', 'EmailAddress', patient.email, email),
    ...known('mrn', 'Mrn', patient.mrn),
    ...(devices.known && { targetDevices: devices.known }),
    leftOut,
  };
}

/** An email that another service tells, in lower case; undefined for what the contract takes for none. */
export function knownEmail(email: unknown): string | undefined {
  const known = firstThatFits('EmailAddress', [email]);
  return known === undefined ? undefined : normalEmail(known);
}

/** An MRN as it is stored, without blanks around it; undefined for what the contract takes for none. */
export const knownMrn = (mrn: unknown): string | undefined => firstThatFits('Mrn', [mrn]);

/** The name of a person that another service tells; undefined for what the contract takes for none. */
export const knownName = (name: unknown): string | undefined => firstThatFits('PersonName', [inOneLine(name)]);

/** Line breaks and other control characters of a name are blanks here, rather than a reason to lose the name. */
const inOneLine = (name: unknown) => (typeof name === 'string' ? name.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ') : name);

function firstThatFits(schema: string, told: readonly unknown[]): string | undefined {
  for (const each of told) {
    const text = requestValidator(contracts.clinic).readText(schema, each);
    if (text !== undefined) return text;
  }
  return undefined;
}

/** What a patient is called of whom no name is known: by their address, or by their user id, until the clinic knows better. */
export const nameOrStandIn = ({ fullName, email }: Pick<KnownElsewhere, 'fullName' | 'email'>, userId: UserId) => ({
  fullName: fullName ?? email ?? userId,
});

/** Whether a patient is called by what stands in for a name. */
export const hasStandIn = ({ fullName, email, userId }: Pick<PatientDocument, 'fullName' | 'email' | 'userId'>) =>
  fullName === email || fullName === userId;

/** By what name a mail greets a patient: none where another word stands in for it. */
export const greetedAs = (
  patient: Pick<PatientDocument, 'fullName' | 'email' | 'userId'>,
): { recipientName?: string } => (hasStandIn(patient) ? {} : { recipientName: patient.fullName });

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isNothing = (told: unknown) =>
  told === undefined || told === null || (typeof told === 'string' && told.trim() === '');

function devicesOf(told: unknown): { known?: string[]; all: boolean } {
  if (!Array.isArray(told)) return { all: isNothing(told) };
  const fitting = told.flatMap((device) => firstThatFits('TargetDevice', [device]) ?? []);
  const known = fitting.slice(0, MOST_DEVICES);
  return { known, all: known.length === told.length };
}
