import { Body, Controller, Header, Param, Query, Res } from '@nestjs/common';
import type { Caller } from '@caregate/access';
import type { Permission } from '@caregate/clinic-model';
import type { ClinicInputs } from '@caregate/contracts';
import { Wanted } from '@caregate/service';
import type { FastifyReply } from 'fastify';
import { ClinicOperation } from '../contract.ts';
import { By } from '../gate/caller.decorator.ts';
import type { FilterInput } from './list-filter.ts';
import type { SortInput } from './list-sort.ts';
import { MembershipsService, type PatientSearch } from './memberships.service.ts';
import { PatientCreation } from './patient-creation.service.ts';
import type { PatientFromUserInput, PatientInput } from './patient-details.ts';
import type { Page } from './patient-lists.repository.ts';
import type { Provider } from './patient.view.ts';
import { PatientsService } from './patients.service.ts';
import type { SummaryInput } from './summaries.ts';

const NO_CONTENT = 204;

@Controller()
export class PatientsController {
  constructor(
    private readonly patients: PatientsService,
    private readonly creation: PatientCreation,
    private readonly memberships: MembershipsService,
  ) {}

  @ClinicOperation('ListPatients')
  @Header('content-type', 'application/json; charset=utf-8')
  list(
    @Param('clinicId') clinicId: string,
    @Query() query: FilterInput & SortInput & Page,
    @Wanted() wanted: AbortSignal,
  ) {
    return this.patients.list(clinicId, { ...query, wanted });
  }

  @ClinicOperation('CreatePatientAccount')
  create(@Param('clinicId') clinicId: string, @Body() input: PatientInput, @By() caller: Caller) {
    return this.creation.createCustodial(clinicId, input, caller);
  }

  @ClinicOperation('CreatePatientFromUser')
  createFromUser(
    @Param('clinicId') clinicId: string,
    @Param('patientId') userId: string,
    @Body() input?: PatientFromUserInput,
  ) {
    return this.creation.createFromUser(clinicId, userId, input);
  }

  @ClinicOperation('GetPatient')
  get(@Param('clinicId') clinicId: string, @Param('patientId') userId: string) {
    return this.patients.get(clinicId, userId);
  }

  @ClinicOperation('UpdatePatient')
  update(
    @Param('clinicId') clinicId: string,
    @Param('patientId') userId: string,
    @Body() input: PatientInput,
    @By() caller: Caller,
  ) {
    return this.patients.update(clinicId, userId, input, caller);
  }

  @ClinicOperation('DeletePatient')
  remove(@Param('clinicId') clinicId: string, @Param('patientId') userId: string, @By() caller: Caller) {
    return this.patients.remove(clinicId, userId, caller);
  }

  @ClinicOperation('UpdatePatientPermissions')
  async setPermissions(
    @Param('clinicId') clinicId: string,
    @Param('patientId') userId: string,
    @Body() input: ClinicInputs['PatientPermissions'],
    @By() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return orNoContent(reply, await this.patients.setPermissions(clinicId, userId, input, caller));
  }

  @ClinicOperation('DeletePatientPermission')
  removePermission(
    @Param('clinicId') clinicId: string,
    @Param('patientId') userId: string,
    @Param('permission') permission: Permission,
    @By() caller: Caller,
  ) {
    return this.patients.removePermission(clinicId, userId, permission, caller);
  }

  @ClinicOperation('UpdatePatientReviews')
  review(@Param('clinicId') clinicId: string, @Param('patientId') userId: string, @By() caller: Caller) {
    return this.patients.review(clinicId, userId, caller);
  }

  @ClinicOperation('DeletePatientReviews')
  takeBackReview(@Param('clinicId') clinicId: string, @Param('patientId') userId: string, @By() caller: Caller) {
    return this.patients.takeBackReview(clinicId, userId, caller);
  }

  @ClinicOperation('SendUploadReminder')
  remindToUpload(@Param('clinicId') clinicId: string, @Param('patientId') userId: string, @By() caller: Caller) {
    return this.patients.remindToUpload(clinicId, userId, caller);
  }

  @ClinicOperation('ConnectProvider')
  requestConnection(
    @Param('clinicId') clinicId: string,
    @Param('patientId') userId: string,
    @Param('providerId') provider: Provider,
    @By() caller: Caller,
  ) {
    return this.patients.requestConnection(clinicId, userId, provider, caller);
  }

  @ClinicOperation('UpdatePatientSummary')
  async setSummary(
    @Param('patientId') userId: string,
    @Body() input: SummaryInput,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    noContentUnless(reply, await this.patients.setSummary(userId, input));
  }

  @ClinicOperation('DeletePatientSummary')
  async removeSummary(@Param('summaryId') summaryId: string, @Res({ passthrough: true }) reply: FastifyReply) {
    noContentUnless(reply, await this.patients.removeSummary(summaryId));
  }

  @ClinicOperation('UpdatePatientDataSources')
  setDataSources(@Param('userId') userId: string, @Body() input: ClinicInputs['DataSources']) {
    return this.patients.setDataSources(userId, input);
  }

  @ClinicOperation('ListClinicsForPatient')
  clinicsOf(@Param('userId') userId: string, @Query() page: Page) {
    return this.memberships.clinicsOf(userId, page);
  }

  @ClinicOperation('FindPatients')
  find(@Query() search: PatientSearch, @By() caller: Caller) {
    return this.memberships.find(caller, search);
  }
}

function orNoContent<T>(reply: FastifyReply, answer: T | undefined): T | undefined {
  noContentUnless(reply, answer !== undefined);
  return answer;
}

function noContentUnless(reply: FastifyReply, changed: boolean): void {
  if (!changed) void reply.status(NO_CONTENT);
}
