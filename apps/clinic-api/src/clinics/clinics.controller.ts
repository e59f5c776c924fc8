import { Body, Controller, Param, Query } from '@nestjs/common';
import type { Caller } from '@caregate/access';
import type { ClinicInputs } from '@caregate/contracts';
import { ClinicOperation } from '../contract.ts';
import { By, OfAccount } from '../gate/caller.decorator.ts';
import { ClinicsService, type SentClinic } from './clinics.service.ts';
import type { ClinicFilter, Page } from './clinics.repository.ts';

@Controller()
export class ClinicsController {
  constructor(private readonly clinics: ClinicsService) {}

  @ClinicOperation('ListClinics')
  list(@Query() filter: ClinicFilter & Page) {
    return this.clinics.list(filter);
  }

  @ClinicOperation('CreateClinic')
  create(@Body() sent: SentClinic, @By() caller: Caller, @OfAccount() accountId: string | undefined) {
    return this.clinics.create(sent, caller, accountId);
  }

  @ClinicOperation('GetClinicByShareCode')
  getByShareCode(@Param('shareCode') shareCode: string) {
    return this.clinics.getByShareCode(shareCode);
  }

  @ClinicOperation('GetClinic')
  get(@Param('clinicId') clinicId: string) {
    return this.clinics.get(clinicId);
  }

  @ClinicOperation('UpdateClinic')
  update(@Param('clinicId') clinicId: string, @Body() sent: SentClinic) {
    return this.clinics.update(clinicId, sent);
  }

  @ClinicOperation('DeleteClinic')
  delete(@Param('clinicId') clinicId: string, @By() caller: Caller) {
    return this.clinics.delete(clinicId, caller);
  }

  @ClinicOperation('UpdateTier')
  updateTier(@Param('clinicId') clinicId: string, @Body() { tier }: ClinicInputs['TierUpdate']) {
    return this.clinics.updateTier(clinicId, tier);
  }

  @ClinicOperation('UpdateSuppressedNotifications')
  suppressNotifications(
    @Param('clinicId') clinicId: string,
    @Body() { suppressedNotifications }: ClinicInputs['SuppressedNotificationsUpdate'],
  ) {
    return this.clinics.suppressNotifications(clinicId, suppressedNotifications);
  }
}
