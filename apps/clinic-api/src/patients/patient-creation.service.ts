import { Inject, Injectable } from '@nestjs/common';
import { actingUser, type Caller } from '@caregate/access';
import {
  assertUserStays,
  changePatient,
  knownElsewhere,
  nameOrStandIn,
  type PatientDocument,
  type PatientWrites,
  type UserId,
} from '@caregate/clinic-model';
import type { ClinicInputs } from '@caregate/contracts';
import { IdentityService } from '@caregate/identity';
import { Conflict, LOGGER, type Logger, NotFound, Unprocessable } from '@caregate/service';
import type { Types } from 'mongoose';
import { idOf } from '../clinics/clinics.repository.ts';
import { MailLimits } from '../mail-limits/mail-limits.service.ts';
import { CustodialAccounts } from './custodial-accounts.ts';
import { inWords, type NewPatient, PatientAdmission } from './patient-admission.ts';
import {
  CUSTODIAL,
  detailsOf,
  labelsOf,
  type PatientFromUserInput,
  type PatientInput,
  permissionsFrom,
} from './patient-details.ts';
import { patientView, type PatientView } from './patient.view.ts';
import { type ClinicRules, PatientsRepository } from './patients.repository.ts';

/** How people become patients of a clinic. */
@Injectable()
export class PatientCreation {
  constructor(
    private readonly patients: PatientsRepository,
    private readonly admission: PatientAdmission,
    private readonly accounts: CustodialAccounts,
    private readonly identity: IdentityService,
    private readonly limits: MailLimits,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** A person without an account: the clinic makes one and looks after it. */
  async createCustodial(clinicIdText: string, input: PatientInput, caller: Caller): Promise<PatientView> {
    const clinicId = idOf(clinicIdText);
    const clinic = await this.patients.rulesOf(clinicId);
    const details = (rules: ClinicRules) => custodialDetails(input, rules, caller);
    const { email, fullName, ...patient } = details(clinic);
    await this.admission.assertPossible(clinic, patient);
    if (email !== undefined)
      await this.limits.count('CreatePatientAccount', { caller, clinicId: clinicIdText, to: email });
    const userId = await this.accounts.create(clinicId, { email, fullName });
    const write = this.patients.change(async (writes) => {
      if (email !== undefined) await this.accounts.use(writes, userId);
      return this.admission.admit(writes, clinic, (rules) => ({ ...details(rules), userId }));
    });
    return patientView(await inWords(write));
  }

  /** A person who has an account already. What is not said is taken from their profile. */
  async createFromUser(
    clinicIdText: string,
    userIdText: string,
    input: PatientFromUserInput = {},
  ): Promise<PatientView> {
    const clinicId = idOf(clinicIdText);
    const userId = userIdText as UserId; // the contract says that it is one, and the legacy clinician's too
    const legacyClinicianId = input.legacyClinicianId as UserId | undefined;
    const newcomer = { userId, permissions: permissionsFrom(input.permissions), ...originOf(input) };
    const prepared = await this.prepare(clinicId, newcomer, input);
    if (legacyClinicianId === undefined) return patientView(await this.admit(prepared));
    return patientView(await this.admitMigrated(userId, legacyClinicianId, prepared));
  }

  /** A user who has offered to share with the clinic. `along` is done in the same transaction. */
  async admitUser(clinicId: Types.ObjectId, newcomer: Newcomer, input: ClinicsView, along: Along): Promise<void> {
    await this.admit(await this.prepare(clinicId, newcomer, input), along);
  }

  /** What the clinic says of a user goes before their profile. */
  private async prepare(clinicId: Types.ObjectId, newcomer: Newcomer, input: ClinicsView): Promise<Prepared> {
    const { userId } = newcomer;
    // One after the other: of two things that are wrong the same one is told each time.
    const clinic = await this.patients.rulesOf(clinicId);
    const person = await this.personOf(newcomer, input);
    const patientOf = ({ sites }: ClinicRules) => ({
      tags: [],
      sites: [],
      ...person,
      ...labelsOf(input, sites),
      ...newcomer,
    });
    await this.admission.assertPossible(clinic, patientOf(clinic), userId);
    return { clinic, patientOf };
  }

  private admit({ clinic, patientOf }: Prepared, along?: Along): Promise<PatientDocument> {
    const { userId } = patientOf(clinic);
    return inWords(
      this.patients.change(async (writes) => {
        await assertUserStays(writes, userId);
        await along?.(writes);
        return this.admission.admit(writes, clinic, patientOf);
      }),
    );
  }

  /** A user who comes from one more legacy clinician is a patient already, and that is no conflict (behaviour, "Patients"). */
  private async admitMigrated(
    userId: UserId,
    legacyClinicianId: UserId,
    { clinic, patientOf }: Prepared,
  ): Promise<PatientDocument> {
    const noteClinician = () => this.noteLegacyClinician(clinic._id, userId, legacyClinicianId);
    const existing = await noteClinician();
    if (existing) return existing;
    try {
      const migrated = (rules: ClinicRules) => ({ ...patientOf(rules), legacyClinicianIds: [legacyClinicianId] });
      return await this.admit({ clinic, patientOf: migrated });
    } catch (error) {
      const winner = error instanceof Conflict ? await noteClinician() : undefined; // another migration was quicker
      if (winner) return winner;
      throw error;
    }
  }

  private noteLegacyClinician(
    clinicId: Types.ObjectId,
    userId: string,
    legacyClinicianId: UserId,
  ): Promise<PatientDocument | undefined> {
    return this.patients.changeOne(clinicId, userId, (patient, writes) => {
      const legacyClinicianIds = [...new Set([...(patient.legacyClinicianIds ?? []), legacyClinicianId])];
      return changePatient(writes, patient, { legacyClinicianIds, updatedTime: new Date() });
    });
  }

  /**
   * The request goes before the profile. A migrated patient may lack a birth date, as with the worker's migration.
   * @throws {NotFound} when there is no such user
   * @throws {Unprocessable} when neither the request nor the profile tells a name and a birth date
   */
  private async personOf({ userId, isMigrated }: Newcomer, given: Person): Promise<Person & Named> {
    const [user, profile] = await Promise.all([this.identity.findUser(userId), this.identity.profile(userId)]);
    if (!user) throw new NotFound('user not found');
    const { leftOut, ...known } = knownElsewhere(user, profile);
    if (leftOut.length > 0)
      this.logger.warn(
        { userId, fields: leftOut },
        'values of a user’s profile were left out: the contract refuses them',
      );
    const person = { ...known, ...said(given) };
    const { fullName, birthDate } = isMigrated
      ? { birthDate: '', ...person, ...nameOrStandIn(person, userId) }
      : person;
    if (fullName === undefined || birthDate === undefined) {
      throw new Unprocessable(
        'constraint violation: the user has no profile with name and birth date; send fullName and birthDate',
      );
    }
    return { ...person, fullName, birthDate };
  }
}

/** What is known of a person. */
type Person = Partial<Pick<PatientDocument, 'fullName' | 'birthDate' | 'mrn' | 'email' | 'targetDevices'>>;
type Named = Required<Pick<Person, 'fullName' | 'birthDate'>>;

/** What a request says of who a person is. */
const said = ({ fullName, birthDate, mrn }: Person): Person => ({
  ...(fullName !== undefined && { fullName }),
  ...(birthDate !== undefined && { birthDate }),
  ...(mrn !== undefined && { mrn }),
});

function custodialDetails(input: PatientInput, clinic: ClinicRules, caller: Caller): Omit<NewPatient, 'userId'> {
  const invitedBy = actingUser(caller);
  return withoutUndefined({
    tags: [],
    sites: [],
    ...detailsOf(input, clinic.sites),
    fullName: input.fullName,
    birthDate: input.birthDate,
    permissions: CUSTODIAL,
    ...(invitedBy !== undefined && { invitedBy }),
  });
}

/** The clinic as it was found, and who the patient will be there. */
interface Prepared {
  readonly clinic: ClinicRules;
  readonly patientOf: (rules: ClinicRules) => NewPatient;
}
type Along = (writes: PatientWrites) => Promise<void>;
/** What comes with a user: who they are here, and what they allow. */
type Newcomer = Pick<NewPatient, 'userId' | 'permissions' | 'isMigrated' | 'attestationSubmitted'>;
/** What a clinic knows better than a user's profile, or says about them. */
type ClinicsView = ClinicInputs['PatientInvitationAcceptance'];

const originOf = ({ isMigrated, attestationSubmitted }: PatientFromUserInput) => ({
  ...(isMigrated && { isMigrated }),
  ...(attestationSubmitted !== undefined && { attestationSubmitted }),
});

/** A field that is not there is not written, rather than written as null. */
function withoutUndefined<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T; // the same, without the absent ones
}
