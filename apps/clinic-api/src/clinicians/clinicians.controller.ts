import { Body, Controller, Param, Query } from '@nestjs/common';
import type { Caller } from '@caregate/access';
import type { UserId } from '@caregate/identity';
import { ClinicOperation } from '../contract.ts';
import { By } from '../gate/caller.decorator.ts';
import type { ClinicianChange } from './clinician-rules.ts';
import type { CliniciansFilter, CreatedBetween, Page } from './clinicians.repository.ts';
import { CliniciansService, type NewClinician, type ServiceAccount } from './clinicians.service.ts';

/** Validation by the contract has made sure that ids are ids. */
@Controller()
export class CliniciansController {
  constructor(private readonly clinicians: CliniciansService) {}

  @ClinicOperation('ListClinicians')
  list(@Param('clinicId') clinicId: string, @Query() filter: CliniciansFilter & Page) {
    return this.clinicians.list(clinicId, filter);
  }

  @ClinicOperation('CreateClinician')
  create(@Param('clinicId') clinicId: string, @Body() clinician: NewClinician) {
    return this.clinicians.create(clinicId, clinician);
  }

  @ClinicOperation('GetClinician')
  get(@Param('clinicId') clinicId: string, @Param('clinicianId') userId: UserId) {
    return this.clinicians.get(clinicId, userId);
  }

  @ClinicOperation('UpdateClinician')
  update(
    @Param('clinicId') clinicId: string,
    @Param('clinicianId') userId: UserId,
    @Body() change: ClinicianChange,
    @By() caller: Caller,
  ) {
    return this.clinicians.update(clinicId, userId, change, caller);
  }

  @ClinicOperation('DeleteClinician')
  remove(@Param('clinicId') clinicId: string, @Param('clinicianId') userId: UserId, @By() caller: Caller) {
    return this.clinicians.remove(clinicId, userId, caller);
  }

  @ClinicOperation('AddServiceAccount')
  addServiceAccount(@Param('clinicId') clinicId: string, @Body() account: ServiceAccount) {
    return this.clinicians.addServiceAccount(clinicId, account);
  }

  @ClinicOperation('ListClinicsForClinician')
  clinicsOf(@Param('userId') userId: UserId, @Query() page: Page) {
    return this.clinicians.clinicsOf(userId, page);
  }

  @ClinicOperation('ListAllClinicians')
  listAll(@Query() filter: CreatedBetween & Page) {
    return this.clinicians.listAll(filter);
  }
}
