import type { ChangeEvent } from '@caregate/change-events';
import {
  CLINIC_MODELS,
  type ClinicDocument,
  type ClinicianDocument,
  type ClinicModels,
  type PatientDocument,
  type PatientInviteDocument,
} from '@caregate/clinic-model';
import { Inject, Injectable } from '@nestjs/common';
import { Types } from 'mongoose';

type Changed = Pick<ChangeEvent, 'documentKey'>;

/** Patients grow large by their summaries and reviews, which no handler uses. */
const PATIENT_PROJECTION = { summary: 0, reviews: 0, searchText: 0, sortName: 0 } as const;

/**
 * The records that events are about, as the database has them now. An event holds ids only, and anybody who can write to its topic can
 * make one up: what is written to whom comes from here. Undefined: the record is gone.
 */
@Injectable()
export class Records {
  constructor(@Inject(CLINIC_MODELS) private readonly models: ClinicModels) {}

  async clinic(event: Changed): Promise<ClinicDocument | undefined> {
    return this.clinicOf(event.documentKey._id);
  }

  async clinicOf(_id: unknown): Promise<ClinicDocument | undefined> {
    if (!(_id instanceof Types.ObjectId)) return undefined;
    return (await this.models.clinics.findOne({ _id }).lean<ClinicDocument>()) ?? undefined;
  }

  async clinician({ documentKey: { _id } }: Changed): Promise<ClinicianDocument | undefined> {
    if (!(_id instanceof Types.ObjectId)) return undefined;
    return (await this.models.clinicians.findOne({ _id }).lean<ClinicianDocument>()) ?? undefined;
  }

  async patient({ documentKey: { _id } }: Changed): Promise<PatientDocument | undefined> {
    if (!(_id instanceof Types.ObjectId)) return undefined;
    return (await this.models.patients.findOne({ _id }, PATIENT_PROJECTION).lean<PatientDocument>()) ?? undefined;
  }

  async patientInvite({ documentKey: { _id } }: Changed): Promise<PatientInviteDocument | undefined> {
    if (!(_id instanceof Types.ObjectId)) return undefined;
    return (await this.models.patientInvites.findOne({ _id }).lean<PatientInviteDocument>()) ?? undefined;
  }
}
