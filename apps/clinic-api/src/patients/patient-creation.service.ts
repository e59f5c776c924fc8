import { Injectable } from '@nestjs/common';
import { actingUser, type Caller } from '@caregate/access';
import { changePatient, normalEmail, type PatientDocument, type UserId } from '@caregate/clinic-model';
import { IdentityService, type Profile, type User } from '@caregate/identity';
import { Conflict, NotFound, Unprocessable } from '@caregate/service';
import type { Types } from 'mongoose';
import { idOf } from '../clinics/clinics.repository.ts';
import { CustodialAccounts } from './custodial-accounts.ts';
import { inWords, type NewPatient, PatientAdmission } from './patient-admission.ts';
import { CUSTODIAL, detailsOf, labelsOf, type PatientFromUserInput, type PatientInput, permissionsFrom } from './patient-details.ts';
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
  ) {}

  /** A person without an account: the clinic makes one and looks after it. */
  async createCustodial(clinicIdText: string, input: PatientInput, caller: Caller): Promise<PatientView> {
    const clinicId = idOf(clinicIdText);
    const clinic = await this.rulesOf(clinicId);
    const details = custodialDetails(input, clinic, caller);
    await this.admission.assertPossible(clinic, details);
    const userId = await this.accounts.create(clinicId, details);
    const patient = await inWords(
      this.patients.change(async (writes) => {
        if (details.email !== undefined) await this.accounts.use(writes, userId);
        return this.admission.admit(writes, clinic, { ...details, userId });
      }),
    );
    return patientView(patient);
  }

  /** A person who has an account already. What is not said is taken from their profile. */
  async createFromUser(clinicIdText: string, userIdText: string, input: PatientFromUserInput = {}): Promise<PatientView> {
    const clinicId = idOf(clinicIdText);
    const userId = userIdText as UserId; // the contract says that it is one
    const [clinic, person] = await Promise.all([this.rulesOf(clinicId), this.personOf(userId, input)]);
    const patient = { ...person, ...fromUser(input, clinic), userId };
    await this.admission.assertPossible(clinic, patient, userId);
    const { legacyClinicianId } = input;
    if (legacyClinicianId === undefined) return patientView(await this.admitUser(clinic, patient));
    return patientView(await this.admitMigrated(clinic, patient, legacyClinicianId as UserId)); // as above
  }

  /** Takes in a user with permissions that they have offered themselves. */
  async admitUser(clinic: ClinicRules, patient: NewPatient): Promise<PatientDocument> {
    return inWords(this.patients.change((writes) => this.admission.admit(writes, clinic, patient)));
  }

  /** A user who comes from one more legacy clinician is a patient already, and that is no conflict (behaviour, "Patients"). */
  private async admitMigrated(clinic: ClinicRules, patient: NewPatient, legacyClinicianId: UserId): Promise<PatientDocument> {
    const noteClinician = () => this.noteLegacyClinician(clinic._id, patient.userId, legacyClinicianId);
    const existing = await noteClinician();
    if (existing) return existing;
    try {
      return await this.admitUser(clinic, { ...patient, legacyClinicianIds: [legacyClinicianId] });
    } catch (error) {
      const winner = error instanceof Conflict ? await noteClinician() : undefined; // another migration was quicker
      if (winner) return winner;
      throw error;
    }
  }

  async rulesOf(clinicId: Types.ObjectId): Promise<ClinicRules> {
    const clinic = await this.patients.rulesOf(clinicId);
    if (!clinic) throw new NotFound('clinic not found');
    return clinic;
  }

  private noteLegacyClinician(clinicId: Types.ObjectId, userId: string, legacyClinicianId: UserId): Promise<PatientDocument | undefined> {
    return this.patients.changeOne(clinicId, userId, (patient, writes) => {
      const legacyClinicianIds = [...new Set([...(patient.legacyClinicianIds ?? []), legacyClinicianId])];
      return changePatient(writes, patient, { legacyClinicianIds, updatedTime: new Date() });
    });
  }

  /**
   * @throws {NotFound} when there is no such user
   * @throws {Unprocessable} when neither the request nor the profile tells a name and a birth date
   */
  async personOf(userId: UserId, given: Person): Promise<Required<Pick<Person, 'fullName' | 'birthDate'>> & Person> {
    const [user, profile] = await Promise.all([this.identity.findUser(userId), this.identity.profile(userId)]);
    if (!user) throw new NotFound('user not found');
    const person = personFrom(user, profile, given);
    const { fullName, birthDate } = person;
    if (!fullName || !birthDate) {
      throw new Unprocessable('constraint violation: the user has no profile with name and birth date; send fullName and birthDate');
    }
    return { ...person, fullName, birthDate };
  }
}

/** What is known of a person. */
type Person = Partial<Pick<PatientDocument, 'fullName' | 'birthDate' | 'mrn' | 'email' | 'targetDevices'>>;

/** The request goes before the profile, the patient's part of a profile before that of whoever keeps the account. */
function personFrom(user: User, profile: Profile = {}, given: Person): Person {
  const { patient = {} } = profile;
  const fullName = given.fullName ?? (text(patient['fullName']) || profile.fullName);
  const email = text(patient.email) || user.email;
  const mrn = given.mrn ?? text(patient.mrn);
  const birthDate = given.birthDate ?? text(patient.birthday);
  return {
    ...(fullName && { fullName }),
    ...(birthDate && { birthDate }),
    ...(mrn && { mrn }),
    ...(email && { email: normalEmail(email) }),
    ...(Array.isArray(patient.targetDevices) && { targetDevices: patient.targetDevices }),
  };
}

/** A profile is data of another service, in which anything may stand. */
const text = (value: unknown) => (typeof value === 'string' ? value : undefined);

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

function fromUser(input: PatientFromUserInput, clinic: ClinicRules) {
  const { permissions, isMigrated, attestationSubmitted } = input;
  return {
    tags: [],
    sites: [],
    ...labelsOf(input, clinic.sites),
    permissions: permissionsFrom(permissions),
    ...(isMigrated && { isMigrated }),
    ...(attestationSubmitted !== undefined && { attestationSubmitted }),
  };
}

/** A field that is not there is not written, rather than written as null. */
function withoutUndefined<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T; // the same, without the absent ones
}

