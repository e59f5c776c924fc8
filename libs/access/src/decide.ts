import type { ClinicianRole } from '@caregate/clinic-model';
import { Forbidden } from '@caregate/service';
import type { Caller } from './caller.ts';
import { ACCESS, type Who } from './table.ts';

/** What the decision needs to know of the shard; each look-up is made only when a row asks for it. */
export interface Facts {
  /** The caller's roles in the clinic; empty when the clinic or the membership does not exist. */
  rolesIn(clinicId: string, userId: string): Promise<readonly ClinicianRole[]>;
  /** The account that holds a clinic; undefined when the clinic has none or does not exist. */
  accountOfClinic(clinicId: string): Promise<string | undefined>;
  ownerOfAccount(accountId: string): Promise<string | undefined>;
}

/** The path's parameters that matter: clinicId, clinicianId, userId, patientId, permission, accountId. */
export type PathParameters = Readonly<Record<string, string | undefined>>;

/** Says whether an operation looks at who calls. */
export const isOpenToEverybody = (operationId: string) => rowOf(operationId).includes('everybody');

/**
 * Decides whether a caller may call an operation on what the path names; gives the entry of the row that lets them in.
 * @throws {Forbidden} when no entry of the operation's row fits; also for an operation without a row
 */
export async function assertAllowed(
  operationId: string,
  caller: Caller,
  path: PathParameters,
  facts: Facts,
): Promise<Who> {
  for (const who of rowOf(operationId)) if (await FITS[who](caller, path, facts)) return who;
  throw caller.kind === 'apiKey' ? notForKey(rowOf(operationId)) : new Forbidden();
}

/** Programs are written by people who read the refusal. The words for people are those of the public service, on which clients rely. */
function notForKey(row: readonly Who[]): Forbidden {
  if (row.some((who) => KEYS.has(who)))
    return new Forbidden(
      'this API key is not of the account that holds what the path names; GET /caregate/v1/caller says what it reaches',
    );
  const others = row.map((who) => IN_WORDS[who]).filter((words) => words !== undefined);
  return new Forbidden(`no API key may do this; it is for ${[...new Set(others)].join(', or ') || 'nobody'}`);
}

const KEYS: ReadonlySet<Who> = new Set(['clinicKey', 'accountKey', 'ownAccountKey']);

const IN_WORDS: Readonly<Partial<Record<Who, string>>> = {
  anyUser: 'a signed-in user',
  service: 'a back-end service',
  member: 'a clinician of the clinic',
  admin: 'an admin of the clinic',
  ownMembership: 'the clinician themselves',
  userInPath: 'the user whom the path names',
  custodyEnder: 'a back-end service',
  accountOwner: 'the owner of the account',
  directory: 'the directory',
};

const rowOf = (operationId: string): readonly Who[] =>
  Object.hasOwn(ACCESS, operationId) ? (ACCESS[operationId] ?? []) : [];

type Fit = (caller: Caller, path: PathParameters, facts: Facts) => boolean | Promise<boolean>;

const FITS: Readonly<Record<Who, Fit>> = {
  everybody: () => true,
  anyUser: (caller) => caller.kind === 'user',
  service: (caller) => caller.kind === 'service',
  directory: (caller) => caller.kind === 'directory',
  member: async (caller, path, facts) => (await rolesOf(caller, path, facts)).length > 0,
  admin: async (caller, path, facts) => (await rolesOf(caller, path, facts)).includes('CLINIC_ADMIN'),
  ownMembership: async (caller, path, facts) =>
    caller.kind === 'user' && caller.userId === path.clinicianId && (await rolesOf(caller, path, facts)).length > 0,
  userInPath: (caller, path) => caller.kind === 'user' && caller.userId === (path.userId ?? path.patientId),
  custodyEnder: (caller, path) => caller.kind === 'service' && path.permission === 'custodian',
  clinicKey: async (caller, path, facts) =>
    caller.kind === 'apiKey' &&
    path.clinicId !== undefined &&
    (await facts.accountOfClinic(path.clinicId)) === caller.accountId,
  accountKey: (caller) => caller.kind === 'apiKey',
  accountOwner: async (caller, path, facts) =>
    caller.kind === 'user' &&
    path.accountId !== undefined &&
    (await facts.ownerOfAccount(path.accountId)) === caller.userId,
  ownAccountKey: (caller, path) => caller.kind === 'apiKey' && caller.accountId === path.accountId,
};

async function rolesOf(caller: Caller, path: PathParameters, facts: Facts): Promise<readonly ClinicianRole[]> {
  if (caller.kind !== 'user' || path.clinicId === undefined) return [];
  return facts.rolesIn(path.clinicId, caller.userId);
}
