import { Inject, Injectable } from '@nestjs/common';
import {
  brokenPatientRule,
  CLINIC_MODELS,
  type ClinicDocument,
  type ClinicModels,
  insertPatient,
  insertPatientAsKnown,
  newObjectId,
  nextStripe,
  type PatientDocument,
  type PatientWrites,
  readCounts,
  searchFields,
  uniqueMrnIn,
} from '@caregate/clinic-model';
import { BadRequest, CONFIG, Conflict } from '@caregate/service';
import type { ClientSession } from 'mongoose';
import type { ClinicApiConfig } from '../config.ts';
import { assertRoom, hardLimitAt } from '../counts/hard-limit.ts';
import { PlanLimit } from '../counts/plan-limit.ts';
import { Quotas } from '../quotas/quotas.service.ts';
import { isCustodial } from './patient-details.ts';
import { type ClinicRules, PatientsRepository } from './patients.repository.ts';

/** A patient before the clinic has taken them in. */
export type NewPatient = Omit<
  PatientDocument,
  '_id' | 'clinicId' | 'createdTime' | 'updatedTime' | 'sortName' | 'searchText' | 'uniqueMrn'
>;

/** The rules by which a clinic takes a patient in, and keeps an MRN (behaviour, "Patients"). */
@Injectable()
export class PatientAdmission {
  constructor(
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    @Inject(CONFIG) private readonly config: ClinicApiConfig,
    private readonly patients: PatientsRepository,
    private readonly planLimit: PlanLimit,
    private readonly quotas: Quotas,
  ) {}

  /**
   * Says early what would be refused later, before anything is made outside the database.
   * @throws {BadRequest} when the MRN is missing or taken
   * @throws {PaymentRequired} when the clinic's limit is reached
   * @throws {Unprocessable} when the clinic or its account has as many as anybody may have
   */
  async assertPossible(
    clinic: ClinicRules,
    patient: Pick<NewPatient, 'mrn' | 'permissions'>,
    userId?: string,
  ): Promise<void> {
    await this.assertMrn(clinic, patient.mrn, userId);
    await this.quotas.assertRoomForPatient(clinic._id);
    const limit = hardLimitAt(new Date(), clinic, this.config.FREE_TIER_PATIENT_LIMIT);
    if (limit === undefined || !isCustodial(patient)) return;
    assertRoom((await readCounts(this.models, clinic._id)).plan, limit);
  }

  /** @throws {BadRequest} when the MRN is missing or taken */
  async assertMrn(
    clinic: ClinicRules,
    mrn: string | undefined,
    userId: string | undefined,
    session?: ClientSession,
  ): Promise<void> {
    if (clinic.mrnSettings?.required && (mrn ?? '') === '') throw new BadRequest('bad request: mrn is required');
    if (mrn === undefined || uniqueMrnIn(clinic, mrn).uniqueMrn === undefined) return;
    if (await this.patients.hasMrn(clinic._id, mrn, userId, session)) throw mrnTaken();
  }

  /**
   * In the transaction that counts: of two that race for a place or an MRN, one gets it. Gives the patient as written.
   * What a patient is may depend on the clinic, such as the names of its sites. `known` are the clinic's rules as read before.
   */
  async admit(
    writes: PatientWrites,
    known: ClinicRules,
    patientOf: (clinic: ClinicRules) => NewPatient,
  ): Promise<PatientDocument> {
    const stripe = nextStripe();
    const expected = this.draft(known, patientOf(known));
    // Who shares an MRN is told by the index then.
    if (!this.mustClaim(known, expected) && (await insertPatientAsKnown(writes, known, expected, stripe)))
      return this.noted(expected);
    const clinic = await this.patients.rulesOf(known._id, writes.session);
    const patient = this.draft(clinic, patientOf(clinic));
    // The limit looks only at what the rules hold.
    if (this.mustClaim(clinic, patient)) await this.planLimit.claimPlace(clinic as ClinicDocument, writes.session);
    await this.assertMrn(clinic, patient.mrn, patient.userId, writes.session);
    await insertPatient(writes, patient, { stripe, held: clinic.patientsHeld });
    return this.noted(patient);
  }

  private async noted(patient: PatientDocument): Promise<PatientDocument> {
    await this.quotas.noteNewPatient(patient.clinicId);
    return patient;
  }

  private mustClaim(clinic: ClinicRules, patient: NewPatient): boolean {
    return isCustodial(patient) && this.planLimit.isLimited(clinic);
  }

  private draft(clinic: ClinicRules, patient: NewPatient): PatientDocument {
    const now = new Date();
    return {
      ...{ _id: newObjectId(), clinicId: clinic._id, ...patient },
      ...uniqueMrnIn(clinic, patient.mrn),
      ...searchFields(patient),
      ...{ createdTime: now, updatedTime: now },
    };
  }
}

/** Says in the words of the domain which rule a write broke. */
export async function inWords<T>(write: Promise<T>): Promise<T> {
  try {
    return await write;
  } catch (error) {
    const rule = brokenPatientRule(error);
    if (rule === 'sameMrn') throw mrnTaken();
    if (rule === 'samePatient') throw alreadyMember();
    throw error;
  }
}

export const alreadyMember = () => new Conflict('duplicate: patient is already a member of the clinic');
const mrnTaken = () => new BadRequest('bad request: mrn must be unique');
