import { Inject, Injectable } from '@nestjs/common';
import { actingUser, type Caller } from '@caregate/access';
import {
  CLINIC_MODELS,
  type ClinicDocument,
  type ClinicModels,
  knownMrn,
  type PatientDocument,
} from '@caregate/clinic-model';
import { BadRequest } from '@caregate/service';
import type { Types } from 'mongoose';
import { concernsClinics } from '../audit/concerns.ts';
import { ClinicViews } from '../clinics/clinic-views.ts';
import { type Page, PatientListsRepository } from './patient-lists.repository.ts';
import { patientView } from './patient.view.ts';
import { ServedClinics } from '../served-clinics.ts';

export interface PatientSearch extends Page {
  readonly mrn?: string;
  readonly birthDate?: string;
  readonly workspaceId?: string;
  readonly workspaceIdType?: 'clinicId' | 'ehrSourceId';
}

/** More clinics than anybody works in. */
const MOST_CLINICS = 1_000;

/** Patients together with their clinics. */
@Injectable()
export class MembershipsService {
  constructor(
    private readonly lists: PatientListsRepository,
    private readonly views: ClinicViews,
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    private readonly served: ServedClinics,
  ) {}

  async clinicsOf(userId: string, page: Page) {
    const patients = await this.lists.ofUser(userId, page);
    return this.withClinics(patients, await this.clinics(patients.map(({ clinicId }) => clinicId)));
  }

  /** Finds patients in all clinics of the caller, or in the one that the caller calls by the id of a workspace. */
  async find(caller: Caller, { workspaceId, workspaceIdType, ...search }: PatientSearch) {
    if (workspaceId !== undefined && workspaceIdType === undefined)
      throw new BadRequest('bad request: workspace id type is required');
    const clinics = (await this.clinicsOfCaller(caller)).filter(
      (clinic) => workspaceId === undefined || workspaceOf(clinic, workspaceIdType) === workspaceId,
    );
    if (clinics.length === 0) return [];
    const ids = clinics.map(({ _id }) => _id);
    const asks = caller.kind === 'apiKey' ? caller.accountId : (actingUser(caller) ?? 'services');
    const mrn = search.mrn === undefined ? undefined : knownMrn(search.mrn);
    const wanted = { ...search, ...(mrn !== undefined && { mrn }) };
    return this.withClinics(await this.lists.find(ids, wanted, search, asks), clinics);
  }

  private async withClinics(patients: readonly PatientDocument[], clinics: readonly ClinicDocument[]) {
    concernsClinics(patients.map(({ clinicId }) => clinicId));
    const meant = new Set(patients.map(({ clinicId }) => clinicId.toHexString()));
    const shown = await this.views.many(clinics.filter(({ _id }) => meant.has(_id.toHexString())));
    const byId = new Map(shown.map((clinic) => [clinic.id, clinic]));
    return patients.flatMap((patient) => {
      const clinic = byId.get(patient.clinicId.toHexString());
      return clinic ? [{ patient: patientView(patient), clinic }] : []; // a clinic that was deleted just now has no patients
    });
  }

  private async clinicsOfCaller(caller: Caller): Promise<ClinicDocument[]> {
    if (caller.kind === 'apiKey') {
      const filter = { accountId: caller.accountId, ...(await this.served.only('_id')) };
      return this.models.clinics.find(filter).limit(MOST_CLINICS).lean<ClinicDocument[]>();
    }
    if (caller.kind !== 'user') return [];
    const memberships = await this.models.clinicians
      .find({ userId: caller.userId }, { _id: 0, clinicId: 1 })
      .limit(MOST_CLINICS)
      .lean<{ clinicId: Types.ObjectId }[]>();
    return this.clinics(memberships.map(({ clinicId }) => clinicId));
  }

  private async clinics(ids: readonly Types.ObjectId[]): Promise<ClinicDocument[]> {
    return this.models.clinics.find({ _id: { $in: ids }, ...(await this.served.only('_id')) }).lean<ClinicDocument[]>();
  }
}

const workspaceOf = ({ _id, ehrSettings }: ClinicDocument, type: PatientSearch['workspaceIdType']) =>
  type === 'ehrSourceId' ? ehrSettings?.['sourceId'] : _id.toHexString();
