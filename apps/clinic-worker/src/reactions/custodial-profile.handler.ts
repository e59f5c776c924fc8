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
      const profile = profileOf(patient, known, newsIn(event, patient));
      const isSaved = await this.identity.saveCustodialProfile(patient.userId, profile);
      return isSaved ? undefined : 'the person has claimed the account, and the profile is theirs';
    } catch (error) {
      if (error instanceof NotFound) return 'the user is gone';
      throw error;
    }
  }
}

/** Says of a field whether the event changed it. The insert of a migrated patient changes none: its values came from the profile. */
function newsIn(event: PatientEvent, patient: PatientDocument): (field: Field) => boolean {
  if (event.operationType === 'insert' && patient.isMigrated) return () => false;
  const isNewlyInCare = touched(event, 'permissions');
  return (field) => touched(event, field) || (isNewlyInCare && patient[field] !== undefined);
}

type Field = (typeof PROFILE)[number];

/**
 * The profile with the clinic's new values, and without the values that the clinic removed. Values that the clinic never held stay.
 * `patient.fullName` is the patient's name; `fullName` beside it is the name of the account's holder.
 */
export function profileOf(patient: PatientDocument, known: Profile, isNews: (field: Field) => boolean): Profile {
  const { fullName, birthDate, email, mrn, targetDevices, diagnosisType } = patient;
  const name = hasStandIn(patient) || !isNews('fullName') ? {} : { fullName };
  const hasOwnName = typeof known.patient?.['fullName'] === 'string';
  const told: [Field, string, unknown][] = [
    ['birthDate', 'birthday', birthDate || known.patient?.birthday],
    ['email', 'email', email],
    ['mrn', 'mrn', mrn],
    ['targetDevices', 'targetDevices', targetDevices && [...targetDevices]],
    ['diagnosisType', 'diagnosisType', diagnosisType],
  ];
  const news = Object.fromEntries(told.flatMap(([field, key, value]) => (isNews(field) ? [[key, value]] : [])));
  const part = Object.entries({ ...known.patient, ...(hasOwnName && name), ...news });
  return {
    ...known,
    ...(!hasOwnName && name),
    patient: Object.fromEntries(part.filter(([, value]) => value !== undefined)),
  };
}
