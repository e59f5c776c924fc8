import { type ChangedPatient, type ChangeEvent, Reaction, touched } from '@caregate/change-events';
import { IdentityService } from '@caregate/identity';
import { NotFound } from '@caregate/service';
import { Controller } from '@nestjs/common';
import { Records } from '../records.service.ts';
import { isNewlyCustodial } from './patient-conditions.ts';

type PatientEvent = ChangeEvent<ChangedPatient>;

const PROFILE = ['fullName', 'birthDate', 'email', 'mrn', 'targetDevices', 'permissions'] as const;

/** A custodial patient was added or changed: what the clinic knows of them is written back to their profile, until they claim the account. */
@Controller()
export class CustodialProfile {
  constructor(
    private readonly records: Records,
    private readonly identity: IdentityService,
  ) {}

  @Reaction<PatientEvent>({
    name: 'save_custodial_profile',
    stream: 'patients',
    when: (event) => isNewlyCustodial(event.fullDocument) && PROFILE.some((field) => touched(event, field)),
  })
  async saveProfile(event: PatientEvent): Promise<string | undefined> {
    const patient = await this.records.patient(event);
    if (!isNewlyCustodial(patient)) return 'the patient is gone or has an account of their own';
    const known = (await this.identity.profile(patient.userId)) ?? {};
    const { fullName, birthDate, email, mrn, targetDevices } = patient;
    const told = { birthday: birthDate, email, mrn, targetDevices: targetDevices && [...targetDevices] };
    // What the clinic does not know (any more) of whom it looks after is not in their profile either.
    const kept = Object.entries({ ...known.patient, ...told }).filter(([, value]) => value !== undefined);
    try {
      const profile = { ...known, fullName, patient: Object.fromEntries(kept) };
      const isSaved = await this.identity.saveCustodialProfile(patient.userId, profile);
      return isSaved ? undefined : 'the person has claimed the account, and the profile is theirs';
    } catch (error) {
      if (error instanceof NotFound) return 'the user is gone';
      throw error;
    }
  }
}
