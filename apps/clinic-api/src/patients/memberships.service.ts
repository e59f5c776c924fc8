import { Injectable } from '@nestjs/common';
import { actingUser, type Caller } from '@caregate/access';
import { type ClinicDocument, knownMrn, type PatientDocument } from '@caregate/clinic-model';
import { BadRequest } from '@caregate/service';
import { CallerClinics } from '../caller-clinics.ts';
import { concernsClinics } from '../audit/concerns.ts';
import { ClinicViews } from '../clinics/clinic-views.ts';
import { type Page, PatientListsRepository } from './patient-lists.repository.ts';
import { patientView } from './patient.view.ts';

export interface PatientSearch extends Page {
  readonly mrn?: string;
  readonly birthDate?: string;
  readonly workspaceId?: string;
  readonly workspaceIdType?: 'clinicId' | 'ehrSourceId';
}

/** Patients together with their clinics. */
@Injectable()
export class MembershipsService {
  constructor(
    private readonly lists: PatientListsRepository,
    private readonly views: ClinicViews,
    private readonly callerClinics: CallerClinics,
  ) {}

  async clinicsOf(userId: string, page: Page) {
    const patients = await this.lists.ofUser(userId, page);
    return this.withClinics(patients, await this.callerClinics.byIds(patients.map(({ clinicId }) => clinicId)));
  }

  /** Finds patients in all clinics of the caller, or in the one that the caller calls by the id of a workspace. */
  async find(caller: Caller, { workspaceId, workspaceIdType, ...search }: PatientSearch) {
    if (workspaceId !== undefined && workspaceIdType === undefined)
      throw new BadRequest('bad request: workspace id type is required');
    const clinics = (await this.callerClinics.of(caller)).filter(
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
}

const workspaceOf = ({ _id, ehrSettings }: ClinicDocument, type: PatientSearch['workspaceIdType']) =>
  type === 'ehrSourceId' ? ehrSettings?.['sourceId'] : _id.toHexString();
