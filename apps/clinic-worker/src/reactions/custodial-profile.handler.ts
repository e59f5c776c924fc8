import { type ChangedPatient, type ChangeEvent, Reaction, touched } from '@caregate/change-events';
import { hasStandIn, type PatientDocument } from '@caregate/clinic-model';
import { IdentityService, type Profile } from '@caregate/identity';
import { NotFound } from '@caregate/service';
import { Controller } from '@nestjs/common';
import { Records } from '../records.service.ts';
import { isCustodial } from './patient-conditions.ts';

type PatientEvent = ChangeEvent<ChangedPatient>;

const PROFILE = ['fullName', 'birthDate', 'email', 'mrn', 'targetDevices', 'diagnosisType', 'permissions'] as const;

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
    when: (event) => isCustodial(event.fullDocument) && PROFILE.some((field) => touched(event, field)),
  })
  async saveProfile(event: PatientEvent): Promise<string | undefined> {
    const patient = await this.records.patient(event);
    if (!patient || !isCustodial(patient)) return 'the patient is gone or has an account of their own';
    const known = (await this.identity.profile(patient.userId)) ?? {};
    try {
      const profile = profileOf(patient, known, event.operationType === 'insert');
      const isSaved = await this.identity.saveCustodialProfile(patient.userId, profile);
      return isSaved ? undefined : 'the person has claimed the account, and the profile is theirs';
    } catch (error) {
      if (error instanceof NotFound) return 'the user is gone';
      throw error;
    }
  }
}

/**
 * What the clinic does not know any more of whom it looks after is not in their profile either. A new patient's clinic has not forgotten
 * anything: what it has not taken over of a profile stays there.
 */
export function profileOf(patient: PatientDocument, known: Profile, isNew: boolean): Profile {
  const { birthDate, email, mrn, targetDevices, diagnosisType } = patient;
  const told = {
    birthday: birthDate || known.patient?.birthday,
    ...{ email, mrn, diagnosisType, targetDevices: targetDevices && [...targetDevices] },
  };
  const isTold = ([, value]: [string, unknown]) => value !== undefined;
  const news = isNew ? Object.fromEntries(Object.entries(told).filter(isTold)) : told;
  return {
    ...known,
    ...(!hasStandIn(patient) && { fullName: patient.fullName }),
    patient: Object.fromEntries(Object.entries({ ...known.patient, ...news }).filter(isTold)),
  };
}
